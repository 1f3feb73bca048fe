import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findCondition, type PatchAction } from '@timonel/sdk/controller';
import type { HorizontalPodAutoscalerSpec } from '@timonel/sdk/kube';
import { decide } from './decide.ts';
import { explain } from './explain.ts';
import { emptyMemory, type Memory } from './memory.ts';
import type { Reading } from './metric-problem.ts';
import type { Observed } from './observed.ts';
import { memoryAfter, reconcile } from './reconcile.ts';
import { statusAfter } from './status.ts';
import {
  config,
  cpuTarget,
  externalTarget,
  observedOf,
  podsOf,
  samplesOf,
  type Scene,
} from './testing/observations.ts';

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

/** A cluster in which the pods share a load of cpu evenly, and follow the target at once. */
class Model {
  replicas: number;
  memory: Memory = emptyMemory;
  monotonicMs = 1_000_000;
  readonly spec: Partial<HorizontalPodAutoscalerSpec>;

  constructor(replicas: number, spec: Partial<HorizontalPodAutoscalerSpec>) {
    this.replicas = replicas;
    this.spec = spec;
  }

  /** One period under a load, in thousandths of a core; undefined: no metrics. Answers whether something was scaled. */
  step(load: number | undefined): boolean {
    const each = load === undefined ? 0 : Math.round(load / Math.max(1, this.replicas));
    const observed = observedOf({
      spec: this.spec,
      pods: podsOf(this.replicas),
      readings: [load === undefined ? nothing : samplesOf(Array<number>(this.replicas).fill(each))],
      memory: this.memory,
      monotonicMs: this.monotonicMs,
    });
    const rescale = decide(observed)?.rescale;
    this.memory = memoryAfter(observed, done);
    this.replicas = rescale?.replicas ?? this.replicas;
    this.monotonicMs += config.syncPeriodMs;
    return rescale !== undefined;
  }
}

const anySpec = fc
  .tuple(
    fc.integer({ min: 1, max: 10 }),
    fc.nat(20),
    fc.option(
      fc.record({
        scaleUp: fc.record({ stabilizationWindowSeconds: fc.constantFrom(0, 60) }),
        scaleDown: fc.record({ stabilizationWindowSeconds: fc.constantFrom(0, 60, 300) }),
      }),
      { nil: undefined },
    ),
  )
  .map(([minReplicas, width, behavior]) => ({
    minReplicas,
    maxReplicas: minReplicas + width,
    ...(behavior === undefined ? {} : { behavior }),
  }));

describe('over time', () => {
  const load = fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined, freq: 5 });

  it('stays within its bounds, and comes to rest under any constant load', () => {
    fc.assert(
      fc.property(
        anySpec,
        fc.integer({ min: 1, max: 40 }),
        fc.array(load, { maxLength: 15 }),
        fc.nat(20_000),
        (spec, start, loads, last) => {
          const model = new Model(start, spec);
          model.step(0);
          const check = (): void => {
            expect(model.replicas).toBeGreaterThanOrEqual(spec.minReplicas);
            expect(model.replicas).toBeLessThanOrEqual(spec.maxReplicas);
          };
          for (const one of loads) {
            model.step(one);
            check();
          }
          for (let n = 0; n < 60; n += 1) model.step(last);
          const rest = model.replicas;
          for (let n = 0; n < 30; n += 1) expect(model.step(last)).toBe(false);
          expect(model.replicas).toBe(rest);
          check();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('never shrinks without metrics', () => {
    fc.assert(
      fc.property(anySpec, fc.nat(9), (spec, extra) => {
        const start = Math.min(spec.maxReplicas, spec.minReplicas + extra);
        const model = new Model(start, spec);
        for (let n = 0; n < 30; n += 1) expect(model.step(undefined)).toBe(false);
        expect(model.replicas).toBe(start);
      }),
    );
  });

  it('a load that comes back within the window changes nothing; one that stays away does', () => {
    const model = new Model(8, { minReplicas: 1, maxReplicas: 20 });
    for (let n = 0; n < 40; n += 1) expect(model.step(n % 4 === 0 ? 4000 : 400)).toBe(false);
    for (let n = 0; n < 30; n += 1) model.step(400);
    expect(model.replicas).toBe(1);
  });

  it('an empty memory holds the size for a whole window', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), (start) => {
        const model = new Model(start, { minReplicas: 1, maxReplicas: 30 });
        for (let n = 0; n < config.downscaleStabilizationMs / config.syncPeriodMs; n += 1) {
          expect(model.step(0)).toBe(false);
        }
        expect(model.step(0)).toBe(true);
        expect(model.replicas).toBe(1);
      }),
    );
  });

  it('adds no more in a period than its policy allows, however often it decides', () => {
    const policies = [{ type: 'Pods', value: 3, periodSeconds: 60 }];
    fc.assert(
      fc.property(fc.array(fc.nat(60_000), { minLength: 20, maxLength: 40 }), (loads) => {
        const behavior = { scaleUp: { policies }, scaleDown: { stabilizationWindowSeconds: 0, policies } };
        const model = new Model(10, { minReplicas: 1, maxReplicas: 100, behavior });
        const sizes = [10];
        for (const one of loads) {
          model.step(one);
          const [before = 10, aPeriodAgo = 10] = [sizes.at(-1), sizes.at(-4)];
          expect(model.replicas).toBeLessThanOrEqual(Math.max(before, aPeriodAgo + 3));
          expect(model.replicas).toBeGreaterThanOrEqual(Math.min(before, aPeriodAgo - 3));
          sizes.push(model.replicas);
        }
      }),
      { numRuns: 50 },
    );
  });
});
