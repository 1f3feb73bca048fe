/** A node whose network is cut: its pods are replaced on the other one; when it is back, it ends the old ones. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';
import type { Machine } from './bed/machine.ts';
import { ask, readyWebPods, web, type WebPod } from './bed/web.ts';

jest.setTimeout(240_000);
const suite = bedMissing === undefined ? describe : describe.skip;

const seconds = 3;
const patience = { timeoutMs: 120_000, intervalMs: 300 };
const tolerations = ['not-ready', 'unreachable'].map((name) => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: seconds,
}));

/** A configuration file on the machine; answers the arguments that name it. */
function configured(machine: Machine, plugin: string, config: object): string[] {
  const path = join(machine.home, 'timonel.yaml');
  writeFileSync(path, JSON.stringify({ plugins: { [plugin]: { config } } }));
  return ['--config', path];
}

interface PodShown {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName: string };
}

interface NodeShown {
  readonly spec: { readonly taints?: readonly { readonly key: string; readonly effect: string }[] };
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}

suite(`a node that dies${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;
  let agents: Agent[];
  let first: WebPod[];

  const get = async <T>(...args: string[]): Promise<T> =>
    JSON.parse(await ask(bed, master, ['get', ...args, '-o', 'json'])) as T;
  const podsShown = async (): Promise<readonly PodShown[]> =>
    (await get<{ items: PodShown[] }>('pods', '-l', 'app=web')).items;
  const ready = async (name: string): Promise<string | undefined> =>
    (await get<NodeShown>('node', name)).status.conditions.find(({ type }) => type === 'Ready')?.status;
  const taints = async (name: string): Promise<string[]> =>
    ((await get<NodeShown>('node', name)).spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);
  /** Command lines of what runs on the machine of a node. */
  const processes = async (name: string): Promise<string> =>
    (await bed.machine(name).exec('sh', ['-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "'])).stdout;
  const said = (): string => agents.map(({ process }) => process.output).join('\n');

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: 2 });
    const m1 = bed.machine('m1');
    master = await startMaster(m1, { args: configured(m1, 'controller-nodelifecycle', { gracePeriodMs: 10_000 }) });
    agents = await Promise.all(
      ['n1', 'n2'].map((name) => {
        const machine = bed.machine(name);
        const args = configured(machine, 'node-agent', { heartbeatIntervalMs: 1000 });
        return startAgent(machine, { masters: [master], args });
      }),
    );
    await until(async () => (await ready('n1')) === 'True' && (await ready('n2')) === 'True', {
      what: () => `two nodes to be Ready: ${said()}`,
      ...patience,
    });
    await ask(bed, master, ['apply', '-f', '-'], web);
    const spec = { template: { spec: { tolerations } } };
    await ask(bed, master, ['patch', 'deployment', 'web', '-p', JSON.stringify({ spec })]);
    await ask(bed, master, ['rollout', 'status', 'deployment/web', '--timeout=90s']);
    first = await readyWebPods(bed, master, 4);
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('is noticed, tainted, and its pods run on the other node', async () => {
    expect(new Set(first.map(({ node }) => node))).toEqual(new Set(['n1', 'n2']));
    await bed.isolate('n2');
    expect(await processes('n2')).toContain('createServer');
    await until(async () => (await ready('n2')) === 'Unknown', { what: 'the node to be Unknown', ...patience });
    await until(
      async () => {
        const left = (await podsShown()).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        return left.length === 4 && left.every(({ spec }) => spec.nodeName === 'n1');
      },
      { what: 'the pods to be replaced', ...patience },
    );
    expect((await taints('n2')).sort()).toEqual([
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ]);
    await ask(bed, master, ['rollout', 'status', 'deployment/web', '--timeout=90s']);
    // Those of the dead node are being deleted; whether they still run, nobody knows.
    const old = first.filter(({ node }) => node === 'n2').map(({ name }) => name);
    const going = (await podsShown()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    expect(going.map(({ metadata }) => metadata.name).sort()).toEqual(old.sort());
    const why = await ask(bed, master, ['get', '--raw', '/apis/why.timonel.dev/v1/nodes/n2']);
    expect(why).toContain('node-unreachable');
  });

  it('returns: the old pods are gone, the taints too, and nothing else moves', async () => {
    const running = (await podsShown()).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    await bed.heal();
    await until(async () => (await ready('n2')) === 'True', {
      what: () => `the node to return: ${said()}`,
      ...patience,
    });
    await until(async () => (await podsShown()).length === 4, {
      what: () => `the old pods to go: ${said()}`,
      ...patience,
    });
    await until(async () => (await taints('n2')).length === 0, { what: 'the taints to go', ...patience });
    const names = (pods: readonly PodShown[]): string[] => pods.map(({ metadata }) => metadata.name).sort();
    expect(names(await podsShown())).toEqual(names(running));
    await until(async () => !(await processes('n2')).includes('createServer'), {
      what: 'their containers to end',
      ...patience,
    });
  });
});
