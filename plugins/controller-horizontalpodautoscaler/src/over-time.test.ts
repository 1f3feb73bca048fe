import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { HorizontalPodAutoscalerSpec } from '@timonel/sdk/kube';
import { decide } from './decide.ts';
import { emptyMemory, type Memory } from './memory.ts';
import { memoryAfter } from './reconcile.ts';
import { config, observedOf, podsOf, samplesOf } from './testing/observations.ts';

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
      readings: [
        load === undefined
          ? { of: 'nothing', message: 'no answer' }
          : samplesOf(Array<number>(this.replicas).fill(each)),
      ],
      memory: this.memory,
      monotonicMs: this.monotonicMs,
    });
    const rescale = decide(observed)?.rescale;
    this.memory = memoryAfter(observed, {});
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
        fc.array(load, { maxLength: 15, size: 'max' }),
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
      fc.property(fc.array(fc.nat(60_000), { minLength: 20, maxLength: 40, size: 'max' }), (loads) => {
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
