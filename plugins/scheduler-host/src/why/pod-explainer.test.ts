import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Decision, PodExplanation, Scheduler } from '@timonel/sdk/contracts/scheduler';
import type { Why } from '@timonel/sdk/contracts/why';
import type { Node, Pod } from '@timonel/sdk/kube';
import { listSnapshot, PodClasses } from '@timonel/sdk/scheduling';
import { manualEnv } from '@timonel/testkit';
import { DecisionLog } from '../decision/decision-log.ts';
import { AttemptFailures } from './attempt-failures.ts';
import type { PodExplainerParts, QueuedState } from './parts.ts';
import { PodExplainer } from './pod-explainer.ts';

const node: Node = {
  metadata: { name: 'n1' },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
};
const waits: Pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u' },
  spec: { containers: [{ name: 'main', image: 'x' }] },
  status: { phase: 'Pending' },
};
const placed: Pod = { ...waits, spec: { ...waits.spec, nodeName: 'n1' }, status: { phase: 'Running' } };

const nothing: PodExplanation = { feasibleNodes: 0, rejections: [], scores: [], preemption: 'no victims' };
const rejection = {
  plugin: 'Rule',
  code: 'rule',
  reason: 'broken rule',
  nodeCount: 1,
  nodes: ['n1'],
  resolvable: false,
};
const refused: PodExplanation = { ...nothing, rejections: [{ ...rejection, detail: { a: 1 }, unblock: 'mend it' }] };
const fits: PodExplanation = {
  ...nothing,
  feasibleNodes: 2,
  preemption: 'not needed',
  scores: [{ nodeName: 'n1', total: 9, scores: { Rule: 9 } }],
};

const classes = new PodClasses();
let env = manualEnv();
let log = new DecisionLog();
let queued: QueuedState | undefined;

function explainer(pod: Pod, explain: Scheduler['explain'], more: Partial<PodExplainerParts> = {}): PodExplainer {
  const service: Scheduler = { decide: () => Promise.resolve([]), ...(explain === undefined ? {} : { explain }) };
  return new PodExplainer({
    clock: env.clock,
    snapshot: listSnapshot([node]),
    podNamed: async (namespace, name) =>
      namespace === pod.metadata.namespace && name === pod.metadata.name ? pod : undefined,
    nodeNamed: () => node,
    infoOf: (of) => classes.infoOf(of),
    waiting: () => queued,
    decisionsOf: (uid) => log.ofPod(uid),
    failureOf: () => undefined,
    waitsForVictims: () => false,
    assumedNode: () => undefined,
    inCharge: () => ({ name: 's', service, profiles: new Set(['default-scheduler']) }),
    externalNamed: () => undefined,
    leads: () => true,
    ...more,
  });
}

async function why(pod: Pod, explain: Scheduler['explain'], more: Partial<PodExplainerParts> = {}): Promise<Why> {
  const found = await explainer(pod, explain, more).explain({
    group: '',
    resource: 'pods',
    namespace: 'shop',
    name: 'web',
  });
  if (found === undefined) throw new Error('the pod is not known');
  return found;
}

function decided(decision: Decision): void {
  log.add({ uid: 'u', namespace: 'shop', name: 'web' }, decision, {
    at: env.clock.timestamp(),
    scheduler: 's',
    nodeCount: 3,
  });
}

function place(part: QueuedState['place'], inMs = 0, more: Partial<QueuedState> = {}): void {
  const now = env.clock.monotonic();
  queued = {
    attempts: 3,
    place: part,
    addedMs: now,
    triedMs: now,
    notBefore: now + inMs,
    plugins: [],
    gate: undefined,
    ...more,
  };
}

beforeEach(() => {
  env = manualEnv();
  log = new DecisionLog();
  queued = undefined;
});

it('knows only pods that there are', async () => {
  const one = explainer(waits, undefined);
  expect(one.kinds()).toEqual([{ group: '', resource: 'pods' }]);
  expect(await one.explain({ group: '', resource: 'pods', namespace: 'shop', name: 'other' })).toBeUndefined();
});

describe('a pod that fits nowhere', () => {
  it('has the refusals with figures, and the line that kubectl shows', async () => {
    place('unschedulable', 300_000);
    const { summary, state, causes, queue, preemption } = await why(waits, () => Promise.resolve(refused));
    expect(summary).toBe('0/1 nodes are available: 1 broken rule. preemption: no victims.');
    expect({ state, preemption }).toEqual({ state: 'Pending', preemption: 'no victims' });
    expect(causes).toEqual([
      {
        component: 'scheduler',
        plugin: 'Rule',
        code: 'rule',
        text: 'broken rule',
        nodes: { count: 1, names: ['n1'] },
        detail: { a: 1 },
        unblock: 'mend it',
      },
    ]);
    const until = new Date(env.clock.now() + 300_000).toISOString().replace(/\.\d+Z$/, 'Z');
    expect(queue).toMatchObject({ part: 'unschedulable', attempts: 3, until });
  });

  it('is explained by the last decision when the scheduler cannot, or fails to', async () => {
    decided({ outcome: 'unschedulable', podUid: 'u', rejections: [rejection], preemption: 'none' });
    for (const explain of [undefined, () => Promise.reject(new Error('broken'))]) {
      const { summary, causes, decisions } = await why(waits, explain);
      expect(causes).toMatchObject([{ code: 'rule', nodes: { count: 1 } }]);
      expect(summary).toBe('0/3 nodes are available: 1 broken rule. preemption: none.');
      expect(decisions).toMatchObject([{ outcome: 'unschedulable', by: 's', text: summary }]);
    }
  });
});

describe('what-if questions', () => {
  const taint = (key: string) => ({
    ...rejection,
    plugin: 'TaintToleration',
    reason: `taint ${key}`,
    detail: { key },
    unblock: '',
  });
  const taints = (count: number): PodExplanation => ({
    ...nothing,
    rejections: Array.from({ length: count }, (_, at) => taint(`t${at}`)),
  });
  const asked = async (count: number, afterMs: number): Promise<number> => {
    let questions = 0;
    const time = { ...env.clock, monotonic: () => questions * afterMs };
    const explain = (): Promise<PodExplanation> => {
      questions += 1;
      return Promise.resolve(taints(count));
    };
    await why(waits, explain, { clock: time, nodeNamed: () => undefined });
    return questions - 1;
  };

  it('are few, and none when there are too many refusals or no time', async () => {
    expect(await asked(5, 0)).toBe(5);
    expect(await asked(50, 0)).toBe(8);
    expect(await asked(257, 0)).toBe(0);
    expect(await asked(50, 15)).toBe(3);
  });
});

describe('a pod that would fit', () => {
  it.each([
    ['active', 'queued', 'waits for its turn'],
    ['deciding', 'deciding', 'being decided about'],
    ['backoff', 'back-off', 'tried again at'],
    ['unschedulable', 'retry', 'at the latest at'],
  ] as const)('in the part %s of the queue', async (part, code, text) => {
    place(part, 5000);
    const { causes, scores, preemption } = await why(waits, () => Promise.resolve(fits));
    expect(causes).toMatchObject([{ code, text: expect.stringContaining(text) }]);
    expect(causes[0]?.text).toContain('2 nodes could take it');
    expect(scores).toEqual(fits.scores);
    expect(preemption).toBeUndefined();
  });

  it('is on its way to a node', async () => {
    decided({ outcome: 'bind', podUid: 'u', nodeName: 'n1', scores: [], feasibleNodes: 2 });
    const { state, causes } = await why(waits, () => Promise.resolve(fits), { assumedNode: () => 'n1' });
    expect(state).toBe('Binding');
    expect(causes).toMatchObject([{ code: 'binding', nodes: { names: ['n1'] } }]);
  });

  it('is held by a plugin before it enters the queue', async () => {
    place('gated', 0, { gate: { code: 'pending', reasonCode: 'quota', reason: 'the quota is used up' } });
    const { causes } = await why(waits, () => Promise.resolve(fits));
    expect(causes).toMatchObject([{ code: 'quota', text: 'the quota is used up' }]);
  });

  it('has gates: what comes after them is told', async () => {
    const gated: Pod = { ...waits, spec: { ...waits.spec, schedulingGates: [{ name: 'g' }] } };
    const { state, causes } = await why(gated, () => Promise.resolve(fits));
    expect(state).toBe('SchedulingGated');
    expect(causes).toMatchObject([{ code: 'scheduling-gates', next: 'nothing: 2 nodes could take it now' }]);
  });
});

it('a process that does not lead says that it knows no decisions', async () => {
  const leads = () => false;
  const { causes, cut } = await why(waits, () => Promise.resolve(refused), { leads });
  expect(causes.map(({ code }) => code)).toEqual(['rule']);
  expect(cut).toEqual(['decisions: another process leads, which knows them']);
  expect((await why(placed, undefined, { leads })).cut).toEqual(cut);
  decided({ outcome: 'bind', podUid: 'u', nodeName: 'n1', scores: [], feasibleNodes: 1 });
  expect((await why(placed, undefined, { leads })).cut).toBeUndefined();
});

it('a failure is the cause only as long as it was the last that happened', async () => {
  const failures = new AttemptFailures(env.clock);
  failures.bindingLost({ uid: 'u' }, 'n1', { what: 'failed', error: new Error('full') });
  const failureOf = (uid: string) => failures.of(uid);
  decided({ outcome: 'bind', podUid: 'u', nodeName: 'n1', scores: [], feasibleNodes: 2 });
  expect((await why(waits, () => Promise.resolve(fits), { failureOf })).causes[0]).toMatchObject({
    code: 'binding-failed',
  });
  decided({ outcome: 'unschedulable', podUid: 'u', rejections: [rejection] });
  expect((await why(waits, () => Promise.resolve(refused), { failureOf })).causes[0]).toMatchObject({ code: 'rule' });
});

it('failures are kept of the last pods only, as long as they wait', () => {
  const failures = new AttemptFailures(env.clock);
  const refusal = { what: 'refused', plugin: 'P', message: 'no' } as const;
  for (let at = 0; at < 1500; at += 1) failures.bindingLost({ uid: `u${at}` }, 'n', refusal);
  expect(failures.size).toBe(1000);
  expect(failures.of('u0')).toBeUndefined();
  expect(failures.of('u1499')).toEqual({ ...refusal, nodeName: 'n', at: env.clock.timestamp() });
  failures.bound({ uid: 'u1499' });
  failures.podGone('u1498');
  expect([failures.of('u1499'), failures.of('u1498'), failures.size]).toEqual([undefined, undefined, 998]);
});

it('a pod with a node has the scores of the decision, the last decision first', async () => {
  const scores = [
    { nodeName: 'n1', total: 20, scores: { Rule: 20 } },
    { nodeName: 'n2', total: 10, scores: { Rule: 10 } },
  ];
  decided({
    outcome: 'preempt',
    podUid: 'u',
    nodeName: 'n1',
    victims: [{ namespace: 'a', name: 'v', uid: 'v', priority: 1 }],
    rejections: [],
  });
  decided({ outcome: 'bind', podUid: 'u', nodeName: 'n1', scores, feasibleNodes: 7 });
  const ready: Pod = {
    ...placed,
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        { name: 'main', state: { running: {} }, lastState: {}, ready: true, restartCount: 0, image: 'x', imageID: '' },
      ],
    },
  };
  const { state, summary, causes, decisions } = await why(ready, undefined);
  expect({ state, summary, causes }).toEqual({ state: 'Running', summary: 'it runs on node n1', causes: [] });
  expect(decisions).toMatchObject([
    { outcome: 'bind', text: 'n1, of 7 that could take it', scores },
    { outcome: 'preempt', text: 'n1, once these have gone: a/v' },
  ]);
});

describe('a scheduler that explains nonsense', () => {
  it.each([[undefined], [7], [{}], [{ rejections: 'none' }]])(
    'is not listened to when it answers %j',
    async (answer) => {
      const { causes, state } = await why(waits, () => Promise.resolve(answer as unknown as PodExplanation));
      expect({ causes, state }).toEqual({ causes: [], state: 'Pending' });
    },
  );

  it('is listened to as far as it makes sense', async () => {
    const rejections = [
      null,
      3,
      { reason: 'so it is', nodeCount: Number.NaN, nodes: [1, 'n1'] },
      { plugin: 'no reason' },
    ];
    const scores = [{ nodeName: 'n1', total: Number.NaN }, 'x'];
    const answer = { rejections, scores, feasibleNodes: -1 } as unknown as PodExplanation;
    const { causes, ...rest } = await why(waits, () => Promise.resolve(answer));
    expect(causes).toMatchObject([{ code: 'refused', text: 'so it is', nodes: { count: 0, names: ['n1'] } }]);
    expect(rest).toMatchObject({ summary: '0/1 nodes are available: 0 so it is.' });
    expect(rest.scores).toBeUndefined();
  });

  it('is cut when it has reasons without end, and the cut is told', async () => {
    const rejections = Array.from({ length: 5000 }, (_, at) => ({ ...rejection, reason: `reason ${at}` }));
    const { causes, cut } = await why(waits, () => Promise.resolve({ ...nothing, rejections } as never));
    expect(causes).toHaveLength(24);
    expect(cut).toEqual(['refusals of nodes: 4744 more', 'causes: 232 more']);
  });
});
