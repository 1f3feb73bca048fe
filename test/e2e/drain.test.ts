/** Real `kubectl drain` and a PodDisruptionBudget: pods leave one at a time, and only while the budget allows it. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';
import { ask, readyWebPods, web, webPods } from './bed/web.ts';

jest.setTimeout(240_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const patience = { timeoutMs: 90_000, intervalMs: 200 };

const budget = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'web' },
  spec: { minAvailable: 4, selector: { matchLabels: { app: 'web' } } },
};

suite(`kubectl drain${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;
  let agents: Agent[];

  const said = (): string => agents.map(({ process }) => process.output).join('\n');
  const drain = (node: string, timeout: string): ReturnType<typeof kubectl> =>
    kubectl(bed, master, ['drain', node, `--timeout=${timeout}`], { timeoutMs: 150_000 });
  const allowed = (): Promise<string> =>
    ask(bed, master, ['get', 'pdb', 'web', '-o', 'jsonpath={.status.disruptionsAllowed}/{.status.currentHealthy}']);
  const nodesOfPods = async (): Promise<Set<string>> =>
    new Set((await readyWebPods(bed, master, 4)).map(({ node }) => node));

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1, nodes: 2 });
    master = await startMaster(bed.machine('m1'));
    agents = await Promise.all(['n1', 'n2'].map((name) => startAgent(bed.machine(name), { masters: [master] })));
    await until(
      async () => (await ask(bed, master, ['get', 'nodes', '--no-headers'])).match(/ Ready /g)?.length === 2,
      {
        what: () => `two nodes to be Ready: ${said()}`,
        ...patience,
      },
    );
    await ask(bed, master, ['apply', '-f', '-'], [...web, budget]);
    await readyWebPods(bed, master, 4);
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('evicts nothing while the budget allows nothing, and says so', async () => {
    expect(await nodesOfPods()).toEqual(new Set(['n1', 'n2']));
    await until(async () => (await allowed()) === '0/4', { what: 'the budget to be counted', ...patience });
    const names = (await webPods(bed, master, 4)).map(({ name }) => name).sort();
    const { status, stderr } = await drain('n2', '6s');
    expect(status).not.toBe(0);
    expect(stderr).toContain('disruption budget');
    const why = '/apis/why.timonel.dev/v1/namespaces/default/poddisruptionbudgets.policy/web';
    expect(await ask(bed, master, ['get', '--raw', why])).toContain('no-disruption-allowed');
    expect((await webPods(bed, master, 4)).map(({ name }) => name).sort()).toEqual(names);
  });

  it('evicts one pod after the other when one may be missing: three are always ready', async () => {
    await ask(bed, master, ['patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"minAvailable":3}}']);
    await until(async () => (await allowed()) === '1/4', { what: 'one to be allowed', ...patience });
    const seen: number[] = [];
    const drained = drain('n2', '120s');
    const ended = new AbortController();
    const watching = (async () => {
      while (!ended.signal.aborted) seen.push(Number((await allowed()).split('/')[1]));
    })();
    const { status, stderr } = await drained;
    ended.abort();
    await watching;
    if (status !== 0) throw new Error(`kubectl drain: ${stderr}`);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(3);
    expect(await nodesOfPods()).toEqual(new Set(['n1']));
  });

  it('leaves a node to which no pods come until it is uncordoned', async () => {
    const taints = (): Promise<string> =>
      ask(bed, master, ['get', 'node', 'n2', '-o', 'jsonpath={.spec.taints[*].key}']);
    expect(await taints()).toBe('node.kubernetes.io/unschedulable');
    await ask(bed, master, ['uncordon', 'n2']);
    await until(async () => (await taints()) === '', { what: 'the taint to go', ...patience });
  });
});
