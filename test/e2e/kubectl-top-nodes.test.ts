/** kubectl top for a node on a machine of its own, and the metrics that such a node shows to its control plane. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { burner } from '../support/burner.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, type Master } from './bed/cluster.ts';

jest.setTimeout(180_000);
const suite = bedMissing === undefined ? describe : describe.skip;

/** Asks a path of the node's server with the certificate of the control plane. */
const ask = `
const [, directory, address, path] = process.argv;
const read = (name) => require('node:fs').readFileSync(directory + '/' + name);
const tls = { ca: read('ca.crt'), cert: read('master-client.crt'), key: read('master-client.key'), checkServerIdentity: () => undefined };
require('node:https').get({ host: address, port: 10250, path, ...tls }, (answer) => answer.pipe(process.stdout));
`;

/** The same with a token in place of a certificate; says the code of the answer first. */
const askWithToken = `
const [, host, path, token] = process.argv;
const headers = { authorization: 'Bearer ' + token };
require('node:https').get({ host, port: 10250, path, headers, rejectUnauthorized: false }, (answer) => {
  process.stdout.write(answer.statusCode + ' ');
  answer.pipe(process.stdout);
});
`;

suite(`kubectl top of another machine${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: 1 });
    master = await startMaster(bed.machine('m1'));
    await startAgent(bed.machine('n1'), { masters: [master] });
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  const top = async (...args: string[]): Promise<string> => (await kubectl(bed, master, ['top', ...args])).stdout;

  it('shows what the node and a pod on it use', async () => {
    const image = '--image=timonel.local/node:host';
    await until(
      async () =>
        (await kubectl(bed, master, ['run', 'burner', image, '--command', '--', 'node', '-e', burner])).status === 0,
      { what: 'the pod to be made', timeoutMs: 30_000 },
    );
    const pod = await until(async () => /^burner +(\d+)m +(\d+)Mi *$/m.exec(await top('pods')) ?? undefined, {
      what: 'figures of the pod',
      timeoutMs: 120_000,
    });
    expect(Number(pod[1])).toBeGreaterThan(100);
    expect(Number(pod[1])).toBeLessThan(800);
    expect(await top('nodes')).toMatch(/^n1 +\d+m +\d+% +\d+Mi +\d+% *$/m);
  });

  it('shows its own metrics to the control plane alone', async () => {
    const { address } = bed.machine('n1');
    const pki = (await master.machine.mustExec('find', [master.machine.dataDir, '-name', 'master-client.crt'])).trim();
    const get = async (path: string): Promise<string> =>
      (await master.machine.exec(process.execPath, ['-e', ask, join(pki, '..'), address, path])).stdout;
    expect(await get('/metrics')).toMatch(/^timonel_plugin_state\{plugin="node-agent",state="running"\} 1$/m);
    expect(await get('/metrics')).toMatch(/^process_resident_memory_bytes \d+$/m);
    const resource = await get('/metrics/resource');
    expect(resource).toMatch(
      /^container_cpu_usage_seconds_total\{container="burner",namespace="default",pod="burner"\} \d/m,
    );
    expect(resource).toMatch(/^node_memory_working_set_bytes \d+$/m);
    expect(resource).toMatch(
      /^container_start_time_seconds\{container="burner",namespace="default",pod="burner"\} \d/m,
    );
    const cadvisor = await get('/metrics/cadvisor');
    expect(cadvisor).toMatch(/^container_memory_working_set_bytes\{container="burner",.*pod="burner"\} \d{6,}$/m);
    expect(cadvisor).toMatch(/^container_network_receive_bytes_total\{interface="eth0",.*pod="burner"\} \d+$/m);
    const { node, pods } = JSON.parse(await get('/stats/summary'));
    expect(node).toMatchObject({ nodeName: 'n1', fs: { capacityBytes: expect.any(Number) } });
    const burning = pods.find(({ podRef }: { podRef: { name: string } }) => podRef.name === 'burner');
    expect(burning.containers[0].memory.workingSetBytes).toBeGreaterThan(1_000_000);
    const { items } = JSON.parse(await get('/pods'));
    expect(items[0]).toMatchObject({ metadata: { name: 'burner' }, status: { phase: 'Running' } });
    expect(JSON.parse(await get('/configz'))).toMatchObject({ kubeletconfig: { kind: 'KubeletConfiguration' } });
  });

  it('shows figures to who may get them in the cluster, and nothing to others', async () => {
    const { address } = bed.machine('n1');
    const done = async (...words: string[]): Promise<string> => {
      const { status, stdout, stderr } = await kubectl(bed, master, words);
      expect({ words, status, stderr }).toEqual({ words, status: 0, stderr: '' });
      return stdout.trim();
    };
    for (const name of ['watcher', 'other']) await done('create', 'serviceaccount', name);
    await done('create', 'clusterrole', 'watcher', '--verb=get', '--resource=nodes/metrics');
    await done('create', 'clusterrolebinding', 'watcher', '--clusterrole=watcher', '--serviceaccount=default:watcher');
    const token = await done('create', 'token', 'watcher');
    const get = async (path: string, own: string): Promise<string> =>
      (await master.machine.exec(process.execPath, ['-e', askWithToken, address, path, own])).stdout;
    expect(await get('/metrics/resource', token)).toMatch(/^200 [^]*node_cpu_usage_seconds_total/);
    expect(await get('/metrics/resource', await done('create', 'token', 'other'))).toMatch(/^403 .*nodes\/metrics/);
    expect(await get('/metrics/resource', 'none')).toMatch(/^401 /);
    expect(await get('/containerLogs/default/burner/burner?uid=x', token)).toMatch(/^403 /);
  });
});
