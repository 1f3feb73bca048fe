/** The API from within pods of several machines, whichever proxy their node has; endpoints follow masters that come and go. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Traffic } from '@timonel/sdk/contracts/why';
import { apiPod, apiPodObjects } from '../support/api-pod.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, timonel, type Master } from './bed/cluster.ts';

jest.setTimeout(180_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const userspace = ['--disable', 'proxy-nftables', '--disable', 'policy-nftables', '--enable', 'proxy-userspace'];

suite(`the API from within pods of several machines${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let masters: Master[];

  const ask = async (...args: string[]): Promise<string> => {
    const [master] = masters as [Master];
    const { status, stdout, stderr } = await kubectl(bed, master, args);
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const addresses = (kind: string, path: string): Promise<string> =>
    ask('get', kind, 'kubernetes', '-o', `jsonpath={${path}}`);
  const led = async (...names: string[]): Promise<boolean> => {
    const wanted = names.map((name) => bed.machine(name).address).join(' ');
    return (
      (await addresses('endpoints', '.subsets[*].addresses[*].ip')) === wanted &&
      (await addresses('endpointslice', '.endpoints[*].addresses[*]')) === wanted
    );
  };
  const askFromPods = async (...names: string[]): Promise<void> => {
    const file = join(bed.directory, 'pods.json');
    const pods = names.map((name) => apiPod(name, { nodeName: name.split('-')[0] }));
    const items = [...apiPodObjects, ...pods];
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await ask('apply', '-f', file);
    const phases = (): Promise<string> => ask('get', 'pods', ...names, '-o', 'jsonpath={.items[*].status.phase}');
    await until(async () => (await phases()) === names.map(() => 'Succeeded').join(' '), {
      what: () => `pods ${names.join(', ')} to be answered`,
      timeoutMs: 60_000,
    });
  };

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 3, nodes: 2 });
    const first = await startMaster(bed.machine('m1'));
    const others = await Promise.all(['m2', 'm3'].map((name) => startMaster(bed.machine(name), { join: first })));
    masters = [first, ...others];
    await Promise.all([
      startAgent(bed.machine('n1'), { masters }),
      startAgent(bed.machine('n2'), { masters, args: userspace }),
    ]);
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('all masters are there, and answer pods of every node', async () => {
    await until(() => led('m1', 'm2', 'm3'), { what: 'endpoints of three masters', timeoutMs: 30_000 });
    await askFromPods('n1-a', 'n2-a');
  });

  it('why says what the nodes have in force, asked of their agents', async () => {
    const [{ machine }] = masters as [Master];
    const tables = async (name: string): Promise<object> => {
      const ends = [bed.machine(name).address, '--to', 'service/kubernetes:443'];
      const { stdout, stderr } = await timonel(machine, ['why', ...ends, '-o', 'json', '--data-dir', machine.dataDir]);
      if (stdout === '') throw new Error(stderr);
      return (JSON.parse(stdout) as Traffic).nodes[0] ?? {};
    };
    const proxy = (implementation: string): object => ({ implementation, current: true });
    expect(await tables('n1')).toMatchObject({
      node: 'n1',
      ready: true,
      proxy: proxy('nftables'),
      policies: proxy('nftables'),
    });
    const second = await tables('n2');
    expect(second).toMatchObject({ node: 'n2', ready: true, proxy: proxy('userspace') });
    expect(second).not.toHaveProperty('policies');
  });

  it('one that is gone is left out, and pods are answered by the others', async () => {
    await masters[2]?.process.kill9();
    await until(() => led('m1', 'm2'), { what: 'endpoints of two masters', timeoutMs: 40_000 });
    await askFromPods('n1-b', 'n2-b');
  });

  it('one that comes back is there again', async () => {
    await startMaster(bed.machine('m3'));
    await until(() => led('m1', 'm2', 'm3'), { what: 'endpoints of three masters again', timeoutMs: 30_000 });
  });
});
