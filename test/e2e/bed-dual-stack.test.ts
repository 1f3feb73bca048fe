/** Pods of two machines reach each other over IPv6, also where the machines themselves have no address of it; policies hold over both families. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { checkPolicyMatrix, matrixPods } from './bed/policy-matrix.ts';
import { kubectl, startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';

jest.setTimeout(120_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const ranges = ['--cluster-cidr', '10.244.0.0/16,fd00:10:244::/48', '--service-cidr', '10.96.0.0/16,fd00:10:96::/112'];

suite(`pods of both families on several machines${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let bed: Bed;
  let master: Master;
  let agents: Agent[];

  const ask = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await kubectl(bed, master, args);
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const said = (): string => agents.map(({ process }) => process.output).join('\n');
  const run = (name: string, node: string, ...args: string[]): Promise<string> => {
    const overrides = `--overrides={"spec":{"nodeName":"${node}","terminationGracePeriodSeconds":0}}`;
    return ask('run', name, '--image=timonel.local/node:host', overrides, '--command', '--', 'node', '-e', ...args);
  };
  const addressesOf = (name: string): Promise<string[]> =>
    until(
      async () => {
        const found = (await ask('get', 'pod', name, '-o', 'jsonpath={.status.podIPs[*].ip}')).split(' ');
        return found.length === 2 ? found : undefined;
      },
      { what: () => `the addresses of pod ${name}: ${said()}`, timeoutMs: 60_000 },
    );

  beforeAll(async () => {
    bed = await createBed({ masters: 1, nodes: 2 });
    master = await startMaster(bed.machine('m1'), { args: ranges });
    agents = await Promise.all(['n1', 'n2'].map((name) => startAgent(bed.machine(name), { masters: [master] })));
  });
  afterAll(() => bed?.[Symbol.asyncDispose]());

  it('have a range of each family on each node, and reach each other over both', async () => {
    const server = `require('http').createServer((q, a) => a.end(q.socket.remoteAddress)).listen(8080, '::')`;
    const call = `const go = () => require('http').get('http://[' + process.argv[1] + ']:8080', (a) => a.on('data', (d) => console.log('' + d))).on('error', () => setTimeout(go, 200)); go(); setInterval(() => {}, 1000)`;
    await run('server', 'n1', server);
    const [, ipv6 = ''] = await addressesOf('server');
    const all = await ask('get', 'nodes', '-o', 'jsonpath={range .items[*]}{.spec.podCIDRs[*]}{"\\n"}{end}');
    expect(all.split('\n').sort()).toEqual(['10.244.0.0/24 fd00:10:244::/64', '10.244.1.0/24 fd00:10:244:1::/64']);
    await run('client', 'n2', call, ipv6);
    const [, own] = await addressesOf('client');
    await until(async () => (await ask('logs', 'client')) === own, {
      what: () => `the answer to the client: ${said()}`,
      timeoutMs: 60_000,
    });
  });

  it('are held by policies over both, whichever peers and ports these name', async () => {
    const apply = async (items: readonly object[]): Promise<void> => {
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
      const { status, stderr } = await kubectl(bed, master, ['apply', '-f', '-'], { input });
      if (status !== 0) throw new Error(stderr);
    };
    await apply(matrixPods);
    await ask('wait', '--for=condition=Ready', 'pods', '-l', 'role', '--timeout=50s');
    const passed = await checkPolicyMatrix({ ask, apply });
    // Neither all nor none: each turn lets others through.
    expect(new Set(passed).size).toBe(passed.length);
  });
});
