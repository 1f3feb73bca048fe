import { describe, expect, it } from '@jest/globals';
import { findCondition, type PatchAction } from '@timonel/sdk/controller';
import { decide } from './decide.ts';
import { explain } from './explain.ts';
import type { Reading } from './metric-problem.ts';
import type { Observed } from './observed.ts';
import { memoryAfter, reconcile } from './reconcile.ts';
import { statusAfter } from './status.ts';
import { cpuTarget, externalTarget, observedOf, podsOf, samplesOf, type Scene } from './testing/observations.ts';

const nothing: Reading = { of: 'nothing', message: 'no answer' };
const done = {};

function replicasIn({ patch, subresource }: PatchAction): string {
  if (patch.type !== 'json' || subresource !== 'scale') return 'nowhere';
  return String(patch.body.find(({ op }) => op === 'replace')?.value);
}

/** What was done, and the conditions: `AbleToScale=True ReadyForNewScale`. */
function outcome(observed: Observed): { readonly does: string[]; readonly says: string[] } {
  const does = reconcile(observed).actions.map((action) => {
    if (action.do === 'event') return `${action.event.reason}: ${action.event.message as string}`;
    return action.do === 'patch' ? `scale to ${replicasIn(action)}` : action.do;
  });
  const conditions = statusAfter(observed, done)?.status.conditions ?? [];
  return { does, says: conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`) };
}

const ready = 'AbleToScale=True ReadyForNewScale';
const active = 'ScalingActive=True ValidMetricFound';
const inRange = 'ScalingLimited=False DesiredWithinRange';
const got = 'AbleToScale=True SucceededGetScale';
const rescaled = 'AbleToScale=True SucceededRescale';

describe('one decision', () => {
  const busy = { pods: podsOf(2), readings: [samplesOf([1000, 1000])] };
  const idle = { pods: podsOf(4), readings: [samplesOf([100, 100, 100, 100])] };
  const many = { metrics: [cpuTarget(50), externalTarget({ averageValue: '1' })] };
  const cases: [string, Scene, string[], string[]][] = [
    ['rests at the target', { pods: podsOf(2), readings: [samplesOf([500, 500])] }, [], [ready, active, inRange]],
    ['grows', busy, ['scale to 4'], [rescaled, active, inRange]],
    [
      'keeps its size after a start, whatever is asked for',
      idle,
      [],
      ['AbleToScale=True ScaleDownStabilized', active, inRange],
    ],
    [
      'shrinks when nobody asked for more for long',
      { ...idle, memory: { recommendations: [{ atMs: 0, replicas: 4 }] } },
      ['scale to 1'],
      [rescaled, active, inRange],
    ],
    ['is brought to its maximum', { ...busy, spec: { maxReplicas: 1 } }, ['scale to 1'], [rescaled]],
    ['is brought to its minimum', { ...busy, spec: { minReplicas: 3 } }, ['scale to 3'], [rescaled]],
    ['stays at zero', { pods: [], readings: [nothing] }, [], [got, 'ScalingActive=False ScalingDisabled']],
    [
      'does not act without metrics',
      { pods: podsOf(2), readings: [nothing] },
      [
        'FailedGetResourceMetric: failed to get cpu utilization: no answer',
        'FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization: no answer',
      ],
      [got, 'ScalingActive=False FailedGetResourceMetric'],
    ],
    [
      'takes the highest of several metrics',
      { ...busy, spec: many, readings: [samplesOf([1000, 1000]), { of: 'total', milli: 7000 }] },
      ['scale to 4'],
      [rescaled, active, 'ScalingLimited=True ScaleUpLimit'],
    ],
    [
      'grows by one metric when another fails',
      { ...busy, spec: many, readings: [samplesOf([1000, 1000]), nothing] },
      ['FailedGetExternalMetric: no answer', 'scale to 4'],
      [rescaled, active, inRange],
    ],
    [
      'never shrinks while a metric fails',
      {
        ...idle,
        spec: many,
        readings: [samplesOf([100, 100, 100, 100]), nothing],
        memory: { recommendations: [{ atMs: 0, replicas: 4 }] },
      },
      [
        'FailedGetExternalMetric: no answer',
        'FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 2), first error is: failed to get queue external metric value: no answer',
      ],
      [got, 'ScalingActive=False FailedGetExternalMetric'],
    ],
    [
      'shares no pods',
      {
        ...busy,
        sight: { selectorProblem: { event: 'AmbiguousSelector', reason: 'AmbiguousSelector', message: 'two' } },
      },
      ['AmbiguousSelector: two', 'FailedComputeMetricsReplicas: two'],
      [got, 'ScalingActive=False AmbiguousSelector'],
    ],
  ];
  it.each(cases)('%s', (_, scene, does, says) => {
    const found = outcome(observedOf(scene));
    expect(found.does).toEqual(does);
    expect(found.says).toEqual(expect.arrayContaining(says));
    expect(found.says).toHaveLength(says.length);
  });

  it('has a tolerance of its own in each direction', () => {
    const behavior = (up: string, down: string) => ({
      scaleUp: { tolerance: up },
      scaleDown: { tolerance: down, stabilizationWindowSeconds: 0 },
    });
    const wanted = (each: number, up: string, down: string): number | undefined =>
      decide(
        observedOf({
          spec: { behavior: behavior(up, down) },
          pods: podsOf(10),
          readings: [samplesOf(Array(10).fill(each))],
        }),
      )?.desiredReplicas;
    expect([wanted(520, '0', '0'), wanted(520, '0.05', '0')]).toEqual([11, 10]);
    expect([wanted(700, '0.5', '0'), wanted(400, '0.5', '0')]).toEqual([10, 8]);
    expect([wanted(400, '0', '250m'), wanted(700, '0', '0.25')]).toEqual([10, 14]);
  });

  it('shares no pods even when it is out of its bounds', () => {
    const selectorProblem = { event: 'AmbiguousSelector', reason: 'AmbiguousSelector', message: 'two' };
    for (const spec of [{ maxReplicas: 1 }, { minReplicas: 3 }]) {
      expect(decide(observedOf({ ...busy, spec, sight: { selectorProblem } }))?.rescale).toBeUndefined();
    }
  });

  it('says that the target cannot be read, and keeps the rest of the status', () => {
    const before = { desiredReplicas: 3, currentReplicas: 3 };
    const observed: Observed = { ...observedOf({ status: before }), sight: { refusal: 'not found' } };
    expect(outcome(observed)).toEqual({
      does: ['FailedGetScale: not found'],
      says: ['AbleToScale=False FailedGetScale'],
    });
    expect(statusAfter(observed, done)?.status).toMatchObject(before);
    expect(memoryAfter(observed, done).recommendations).toEqual([]);
  });

  it('says that the target cannot be changed, and remembers no change', () => {
    const observed = observedOf(busy);
    const [action] = reconcile(observed).actions;
    if (action === undefined) throw new Error('nothing is done');
    const failure = { failure: { action, error: new Error('no'), message: 'no' } };
    const { status } = statusAfter(observed, failure) ?? {};
    expect(findCondition(status?.conditions, 'AbleToScale')).toMatchObject({
      status: 'False',
      reason: 'FailedUpdateScale',
    });
    expect(status?.lastScaleTime).toBeUndefined();
    expect(memoryAfter(observed, failure)).toMatchObject({ changes: [], seen: undefined });
  });

  it('tells the same only once in ten minutes', () => {
    const scene: Scene = { pods: podsOf(2), readings: [nothing] };
    const first = observedOf(scene);
    const at = (ms: number): Observed => ({
      ...first,
      monotonicMs: first.monotonicMs + ms,
      memory: memoryAfter(first, done),
    });
    expect(outcome(at(15_000)).does).toEqual([]);
    expect(outcome(at(600_000)).does).toHaveLength(2);
  });

  it('does nothing before it is time', () => {
    const observed: Observed = { ...observedOf(busy), sight: undefined, waitMs: 7 };
    expect(reconcile(observed)).toEqual({ actions: [], requeueAfterMs: 7 });
    expect(statusAfter(observed, done)).toBeUndefined();
    expect(memoryAfter(observed, done)).toBe(observed.memory);
  });

  it('is explained by its conditions', () => {
    const codes = (scene: Scene): string[] => {
      const status = statusAfter(observedOf(scene), done)?.status;
      return explain(observedOf({ ...scene, status })).map(({ code }) => code);
    };
    expect(explain(observedOf({})).map(({ code }) => code)).toEqual(['NotEvaluated']);
    expect(codes({ pods: podsOf(2), readings: [nothing] })).toEqual(['FailedGetResourceMetric']);
    expect(codes({ ...busy, spec: { maxReplicas: 2 } })).toEqual(['TooManyReplicas']);
    expect(codes(idle)).toEqual(['ScaleDownStabilized']);
    expect(codes({ pods: podsOf(2), readings: [samplesOf([500, 500])] })).toEqual([]);
  });
});
