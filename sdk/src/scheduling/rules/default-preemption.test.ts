import { describe, expect, it } from '@jest/globals';
import type { KubeObject, Node } from '../../kube/index.ts';
import type { Decision, PodInfo, SchedulingPlugin } from '../../contracts/scheduler/index.ts';
import { frameworkScheduler, type FrameworkScheduler } from '../framework.ts';
import { listedObjects, listSnapshot } from '../list-snapshot.ts';
import { PodClasses } from '../pod-class.ts';
import { defaultPreemption } from './default-preemption.ts';

const classes = new PodClasses();
let serial = 0;

interface PodOptions {
  readonly priority?: number;
  readonly labels?: Record<string, string>;
  readonly started?: string;
  readonly never?: boolean;
  readonly nominated?: string;
  readonly leaving?: boolean;
  readonly zone?: string;
}

function pod(cpu: number, options: PodOptions = {}): PodInfo {
  serial += 1;
  const { priority = 0, labels = {}, started, never, nominated, leaving, zone } = options;
  return classes.infoOf({
    metadata: {
      name: `p${serial}`,
      namespace: 'default',
      uid: `u${serial}`,
      labels,
      ...(leaving === true ? { deletionTimestamp: '2030-01-01T00:00:00Z' } : {}),
    },
    spec: {
      priority,
      ...(zone === undefined ? {} : { nodeSelector: { zone } }),
      ...(never === true ? { preemptionPolicy: 'Never' } : {}),
      containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: String(cpu) } } }],
    },
    status: {
      ...(started === undefined ? {} : { startTime: started }),
      ...(nominated === undefined ? {} : { nominatedNodeName: nominated }),
    },
  });
}

function node(name: string, cpu = 4): Node {
  return { metadata: { name, labels: { zone: name } }, spec: {}, status: { allocatable: { cpu: String(cpu) } } };
}

function budget(app: string, disruptionsAllowed: number): KubeObject {
  const spec = { selector: { matchLabels: { app } } };
  return { metadata: { name: app, namespace: 'default' }, spec, status: { disruptionsAllowed } } as KubeObject;
}

const short = { code: 'insufficient-cpu', text: 'Insufficient cpu', resolvable: true };
const elsewhere = { code: 'elsewhere', text: 'wrong zone', resolvable: false };
const fit: SchedulingPlugin = {
  name: 'Fit',
  filter({ class: { request, nodeSelector } }, { rows, count, view }, verdicts) {
    for (const row of rows.subarray(0, count)) {
      if (nodeSelector['zone'] !== undefined && nodeSelector['zone'] !== view.names[row])
        verdicts.reject(row, elsewhere);
      if ((view.requested('cpu')[row] ?? 0) + request.milliCpu > (view.allocatable('cpu')[row] ?? 0))
        verdicts.reject(row, short);
    }
  },
};
/** Makes verdicts depend on more than rows, so that nothing is remembered. */
const watchful: SchedulingPlugin = { name: 'Watchful', filterScope: 'cluster', filter: () => undefined };

function scheduler(...more: SchedulingPlugin[]): FrameworkScheduler {
  const plugins = [fit, ...more, defaultPreemption()];
  const timers = { after: () => ({ cancel: () => undefined }) };
  return frameworkScheduler({
    registry: new Map(plugins.map((plugin) => [plugin.name, () => plugin])),
    profiles: [{ schedulerName: 'default-scheduler', plugins: plugins.map(({ name }) => ({ name })) }],
    timers,
  });
}

type Placed = Readonly<Record<string, readonly PodInfo[]>>;

async function decide(
  incoming: PodInfo,
  placed: Placed,
  budgets: KubeObject[] = [],
  one = scheduler(),
): Promise<Decision> {
  const nodes = Object.keys(placed).map((name) => node(name));
  const snapshot = listSnapshot(nodes, (name) => placed[name] ?? [], listedObjects({ budgets }));
  const [decision] = await one.decide([incoming], snapshot);
  if (decision === undefined) throw new Error('no decision');
  return decision;
}

const victimsOf = (decision: Decision): string[] =>
  decision.outcome === 'preempt' ? decision.victims.map(({ name }) => name) : [decision.outcome];
const nodeOf = (decision: Decision): string => (decision.outcome === 'preempt' ? decision.nodeName : decision.outcome);

describe.each([
  ['rows alone', []],
  ['other rows too', [watchful]],
])('DefaultPreemption, when verdicts look at %s', (_what, more) => {
  const run = (incoming: PodInfo, placed: Placed, budgets: KubeObject[] = []): Promise<Decision> =>
    decide(incoming, placed, budgets, scheduler(...more));

  it('removes as few pods as it takes, the least important ones', async () => {
    const [low, mid, high] = [pod(1, { priority: 1 }), pod(2, { priority: 2 }), pod(1, { priority: 3 })];
    const decision = await run(pod(1, { priority: 10 }), { a: [low, mid, high] });
    expect(decision).toMatchObject({ outcome: 'preempt', nodeName: 'a', rejections: [{ reason: 'Insufficient cpu' }] });
    expect(victimsOf(decision)).toEqual([low.name]);
  });

  it('leaves pods of its own priority alone', async () => {
    const decision = await run(pod(1, { priority: 5 }), { a: [pod(4, { priority: 5 })] });
    expect(decision).toMatchObject({
      outcome: 'unschedulable',
      preemption: '0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    });
  });

  it('does nothing for a pod that never preempts, and where it would not help', async () => {
    const placed = { a: [pod(4)] };
    const never = await run(pod(1, { priority: 5, never: true }), placed);
    expect(never).toMatchObject({ preemption: 'not eligible due to preemptionPolicy=Never.' });
    const large = await run(pod(5, { priority: 5 }), placed);
    expect(large).toMatchObject({
      preemption: '0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    });
    const wrong = await run(pod(1, { priority: 5, zone: 'nowhere' }), placed);
    expect(wrong).toMatchObject({ preemption: '0/1 nodes are available: 1 Preemption is not helpful for scheduling.' });
  });

  it('waits for the victims on the node it was nominated for', async () => {
    const placed = { a: [pod(4, { leaving: true })] };
    const decision = await run(pod(1, { priority: 5, nominated: 'a' }), placed);
    expect(decision).toMatchObject({ preemption: expect.stringContaining('terminating pod') });
  });

  it('breaks no disruption budget where it can do otherwise', async () => {
    const guarded = pod(4, { labels: { app: 'db' }, priority: 1 });
    const free = pod(4, { priority: 3 });
    const decision = await run(pod(1, { priority: 10 }), { a: [guarded], b: [free] }, [budget('db', 0)]);
    expect(nodeOf(decision)).toBe('b');
    const within = await run(pod(1, { priority: 10 }), { a: [guarded], b: [free] }, [budget('db', 1)]);
    expect(nodeOf(within)).toBe('a');
    const onOne = await run(
      pod(2, { priority: 10 }),
      { a: [pod(2, { labels: { app: 'db' } }), pod(2, { priority: 3 })] },
      [budget('db', 0)],
    );
    expect(victimsOf(onOne)).toEqual([`p${serial}`]);
  });

  it.each<[string, Placed, string]>([
    ['the least important victims', { a: [pod(4, { priority: 3 })], b: [pod(4, { priority: 2 })] }, 'b'],
    [
      'the lower sum of priorities',
      { a: [pod(2, { priority: 3 }), pod(2, { priority: 2 })], b: [pod(2, { priority: 3 }), pod(2, { priority: 1 })] },
      'b',
    ],
    ['fewer victims', { a: [pod(2), pod(2)], b: [pod(4)] }, 'b'],
    [
      'those that began last',
      { a: [pod(4, { started: '2026-01-01T00:00:00Z' })], b: [pod(4, { started: '2026-01-02T00:00:00Z' })] },
      'b',
    ],
  ])('prefers the node with %s', async (_rule, placed, wanted) => {
    expect(nodeOf(await run(pod(4, { priority: 10 }), placed))).toBe(wanted);
  });

  it('gives each of several pods a node of its own, and remembers only what still holds', async () => {
    const placed = { a: [pod(4)], b: [pod(4)], c: [pod(4)] };
    const one = scheduler(...more);
    const names = Object.keys(placed) as (keyof typeof placed)[];
    const incoming = [1, 2, 3, 4].map(() => pod(4, { priority: 5 }));
    const snapshot = listSnapshot(
      names.map((name) => node(name)),
      (name) => placed[name as keyof typeof placed],
    );
    const decisions = await one.decide(incoming, snapshot);
    expect(
      decisions
        .slice(0, 3)
        .map(nodeOf)
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(['a', 'b', 'c']);
    expect(decisions[3]).toMatchObject({ outcome: 'unschedulable' });
    expect(decisions.slice(0, 3).flatMap(victimsOf)).toHaveLength(3);
  });
});
