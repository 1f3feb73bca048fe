/** The API from within pods of a cluster whose server listens on loopback: by its name and its address, with the cluster's certificate. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { apiPod, apiPodObjects } from '../support/api-pod.ts';
import { runProgram, TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

jest.setTimeout(60_000);

const objects = [
  ...apiPodObjects,
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'nothing' },
    spec: { podSelector: { matchLabels: { name: 'isolated' } }, policyTypes: ['Ingress', 'Egress'] },
  },
];
const pods = [
  apiPod('plain'),
  apiPod('on-host', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }),
  // Traffic with the own node is always allowed.
  apiPod('isolated'),
];
const names = ['isolated', 'on-host', 'plain'];

const podCidr = '10.209.7.0/24';
const config = join(mkdtempSync(join(tmpdir(), 'timonel-api-')), 'timonel.json');
const proxies = [
  ['nftables', []],
  ['userspace', ['--disable', 'proxy-nftables', '--enable', 'proxy-userspace', '--config', config]],
] as const;

/** A machine beside this one, that takes it for its way to all addresses. */
class Neighbour {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async open(): Promise<Neighbour> {
    const here = readlinkSync('/proc/self/ns/net');
    const words = ['--pdeathsig', 'KILL', 'unshare', '--net', 'sleep', '600'];
    const one = new Neighbour(spawn('setpriv', words, { stdio: 'ignore' }));
    const pid = one.#holder.pid ?? 0;
    await until(() => readlinkSync(`/proc/${pid}/ns/net`) !== here, { what: 'the namespace' });
    const links = `link add tmltest0 type veth peer name eth0 netns ${pid}\naddr add 198.51.100.1/30 dev tmltest0\nlink set tmltest0 up\n`;
    const own =
      'link set lo up\naddr add 198.51.100.2/30 dev eth0\nlink set eth0 up\nroute add default via 198.51.100.1\n';
    for (const [program, input] of [
      [[], links],
      [one.#enter(), own],
    ] as const) {
      const [first = '', ...rest] = [...program, 'ip', '-batch', '-'];
      const { status, stderr } = await runProgram(first, rest, { input });
      if (status !== 0) throw new Error(stderr);
    }
    return one;
  }

  #enter(): string[] {
    return ['nsenter', '-t', String(this.#holder.pid), '-n'];
  }

  /** What becomes of a connection there: `CONNECTED` by TLS, or an error's code. */
  async connect(host: string, port: number): Promise<string> {
    const text = `const s = require('node:tls').connect({ host: '${host}', port: ${port}, rejectUnauthorized: false, timeout: 3000 });
      const end = (word) => { console.log(word); process.exit(); };
      s.on('secureConnect', () => end('CONNECTED')).on('timeout', () => end('TIMEOUT')).on('error', (error) => end(error.code));`;
    const [program = '', ...args]: string[] = [...this.#enter(), process.execPath, '-e', text];
    return (await runProgram(program, args)).stdout.trim();
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#holder.once('exit', resolve));
    this.#holder.kill('SIGKILL');
    await ended;
    // The pair goes with the namespace, a moment later.
    await runProgram('ip', ['link', 'delete', 'tmltest0']);
  }
}

beforeAll(() => {
  const plugins = { 'proxy-userspace': { config: { nodeName: 'node-1', clusterCidrs: [podCidr] } } };
  writeFileSync(config, JSON.stringify({ plugins }));
});
afterAll(() => rmSync(dirname(config), { recursive: true }));

describe.each(proxies)('the API from within pods, with proxy-%s', (_, args) => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = async (words: readonly string[], input = ''): Promise<string> =>
    (await cluster.mustKubectl(words, input)).trim();

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start({ args: [...args, '--pod-cidr', podCidr] });
    await ok(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...objects, ...pods] }));
  });
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  });

  it.each(names)('%s: it answers at its name and its address', async (name) => {
    const phase = (): Promise<string> => ok(['get', 'pod', name, '-o', 'jsonpath={.status.phase}']);
    const said = async (): Promise<string> => (await cluster.kubectl(['logs', name])).stdout;
    let last = '';
    await until(async () => (await phase()) === 'Succeeded' || ((last = await said()), false), {
      what: () => `the pod ${name} to be answered; it says ${last}`,
      timeoutMs: 30_000,
    });
    const [version, major, status, listed] = JSON.parse((await said()).trim().split('\n').at(-1) ?? '') as unknown[];
    expect([version, major, status]).toEqual([200, '1', 200]);
    expect(listed).toEqual(expect.arrayContaining(names));
  });

  it('endpoints and slice are named after the service, and lead to the address of the node in the pod network', async () => {
    const node = await ok(['get', 'endpoints', 'kubernetes', '-o', 'jsonpath={.subsets[*].addresses[*].ip}']);
    expect(node).toBe('10.209.7.1');
    const inSlice = await ok(['get', 'endpointslice', 'kubernetes', '-o', 'jsonpath={.endpoints[*].addresses[*]}']);
    expect(inSlice).toBe(node);
  });

  it('a neighbour of the machine does not come in, though packets of its find the way', async () => {
    const service = await ok(['get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}']);
    const neighbour = await Neighbour.open();
    try {
      expect(await neighbour.connect('10.209.7.1', cluster.port)).toBe('ECONNRESET');
      expect(await neighbour.connect(service, 443)).toBe('ECONNRESET');
    } finally {
      await neighbour.close();
    }
  });
});
