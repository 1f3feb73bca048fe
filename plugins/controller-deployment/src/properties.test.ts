import { describe, expect, it } from '@jest/globals';
import { isPodEnded } from '@timonel/sdk/controller';
import type { Deployment } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { boundsOf } from './bounds.ts';
import { deployment, Model } from './testing/model.ts';

const templateOf = (image: string): Pick<Deployment['spec'], 'template'> => ({
  template: deployment(image).spec.template,
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: 'pass' as const, value: 0 }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('replicate' as const), value: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ready' as const), value: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'end' as const, value: 0 }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('template' as const), value: fc.nat(2) }) },
);

function take(model: Model, { do: what, value }: { do: string; value: number }): void {
  if (what === 'pass') model.pass();
  else if (what === 'replicate') model.replicate(value);
  else if (what === 'ready') model.ready(value);
  else if (what === 'unready') model.unready(value);
  else if (what === 'end') model.end();
  else model.change(templateOf(`v${value}`));
}

function expectRolledOut(model: Model): void {
  const { replicas = 1, template } = model.deployment.spec;
  expect(model.setOf(template.spec.containers[0]?.image ?? '')?.spec.replicas).toBe(replicas);
  expect({ declared: model.declared, pods: model.pods.length }).toEqual({ declared: replicas, pods: replicas });
  expect(model.deployment.status).toMatchObject({
    replicas,
    updatedReplicas: replicas,
    availableReplicas: replicas,
    unavailableReplicas: 0,
  });
  const writes = [model.writes, model.statusWrites];
  model.pass();
  expect([model.writes, model.statusWrites]).toEqual(writes);
}

describe('roll-outs in any order of events', () => {
  const bound = fc.oneof(
    fc.nat(4),
    fc.nat(100).map((percent) => `${percent}%`),
  );
  const limits = fc.record({ replicas: fc.integer({ min: 1, max: 10 }), maxSurge: bound, maxUnavailable: bound });

  it('have no more pods than the surge allows, and never fewer available ones than they may', () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 120, size: 'max' }), ({ replicas, ...rollingUpdate }, steps) => {
        const model = new Model(deployment('v0', { replicas, strategy: { type: 'RollingUpdate', rollingUpdate } }));
        model.settle();
        const bounds = boundsOf(model.deployment);
        expect(bounds.maxSurge + bounds.maxUnavailable).toBeGreaterThan(0);
        for (const one of steps) {
          const before = model.available;
          take(model, one);
          expect(model.declared).toBeLessThanOrEqual(replicas + bounds.maxSurge);
          expect(model.active).toBeLessThanOrEqual(replicas + bounds.maxSurge);
          // Pods here do not fail by themselves.
          expect(model.available).toBeGreaterThanOrEqual(Math.min(before, replicas - bounds.maxUnavailable));
        }
        model.settle();
        expectRolledOut(model);
      }),
      { numRuns: 120 },
    );
  });

  it('with Recreate never have pods of two templates at once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const model = new Model(deployment('v0', { strategy: { type: 'Recreate' } }));
        model.settle();
        for (const one of steps) {
          take(model, one);
          const images = model.pods.filter((pod) => !isPodEnded(pod)).map(({ spec }) => spec.containers[0]?.image);
          expect(new Set(images).size).toBeLessThanOrEqual(1);
        }
        model.settle();
        expectRolledOut(model);
      }),
      { numRuns: 60 },
    );
  });

  it('reach the declared state through scaling, pausing, other strategies, pods that fail and annotations without sense', () => {
    const change: fc.Arbitrary<Partial<Deployment['spec']>> = fc.oneof(
      fc.record({ replicas: fc.nat(12) }),
      fc.record({ paused: fc.boolean() }),
      fc.record({ revisionHistoryLimit: fc.nat(2) }),
      fc.constantFrom('v0', 'v1', 'v2').map(templateOf),
      fc.record({ strategy: fc.constantFrom({ type: 'Recreate' }, { type: 'RollingUpdate' }) }),
    );
    const text = fc.constantFrom('', 'x', '-1', '0', '7', '1e9', 'Infinity', '99999999999999999999');
    const garbage = fc.record({ desired: text, max: text, revision: text, set: fc.nat(3) });
    const unready = fc.record({ do: fc.constant('unready' as const), value: fc.nat(9) });
    const act = fc.record({
      change,
      garbage: fc.option(garbage, { freq: 6 }),
      steps: fc.array(fc.oneof({ weight: 9, arbitrary: step }, { weight: 1, arbitrary: unready }), {
        maxLength: 8,
        size: 'max',
      }),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 15, size: 'max' }), (acts) => {
        const model = new Model(deployment('v0'));
        for (const { change: next, garbage: noise, steps } of acts) {
          model.change(next);
          if (noise !== null) model.annotate(noise);
          for (const one of steps) {
            const before = model.declared;
            take(model, one);
            const { replicas, maxSurge } = boundsOf(model.deployment);
            expect(model.declared).toBeLessThanOrEqual(Math.max(before, replicas + maxSurge));
          }
        }
        model.change({ paused: false });
        model.settle();
        expectRolledOut(model);
        const limit = model.deployment.spec.revisionHistoryLimit ?? 10;
        expect(model.sets.length).toBeLessThanOrEqual(limit + 1);
      }),
      { numRuns: 120 },
    );
  });
});
