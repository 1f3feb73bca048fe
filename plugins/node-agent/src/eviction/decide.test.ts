import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decide, noPressure, type Decision, type PressurePolicy, type PressureState } from './decide.ts';
import { meaningOf, settableSignals, type Observations, type Signal } from './signals.ts';
import { isMet, thresholdsOf, type Threshold } from './thresholds.ts';

const none = { evictionHard: {}, evictionSoft: {}, evictionSoftGracePeriod: {}, evictionMinimumReclaim: {} };

function policyOf(settings: Partial<Parameters<typeof thresholdsOf>[0]>, transitionMs = 0): PressurePolicy {
  const thresholds = thresholdsOf({ ...none, ...settings });
  return { thresholds: thresholds.filter(({ signal }) => signal !== 'allocatableMemory.available'), transitionMs };
}

const seen = (given: Partial<Record<Signal, number>>): Observations =>
  new Map(Object.entries(given).map(([signal, available]) => [signal as Signal, { available, capacity: 1000 }]));

/** Looks one after the other: when, and what there is. */
function looks(
  policy: PressurePolicy,
  ...rows: readonly [now: number, given: Partial<Record<Signal, number>>][]
): string[] {
  let state: PressureState = noPressure;
  return rows.map(([now, given]) => {
    const decision = decide(state, seen(given), now, policy);
    state = decision.state;
    const starved = decision.starved.map(({ signal }) => signal);
    return `${decision.conditions.join(' ') || 'well'}; ${starved.join(' ') || 'nothing'}`;
  });
}

describe('the decision of a node that is measured', () => {
  it('acts on a hard threshold at once', () => {
    const policy = policyOf({ evictionHard: { 'memory.available': '100' } });
    expect(looks(policy, [0, { 'memory.available': 100 }], [1, { 'memory.available': 99 }])).toEqual([
      'well; nothing',
      'MemoryPressure; memory.available',
    ]);
  });

  it('acts on a soft one when it was met for its grace period without a break, and tells of it at once', () => {
    const policy = policyOf({
      evictionSoft: { 'nodefs.available': '10%' },
      evictionSoftGracePeriod: { 'nodefs.available': '1m' },
    });
    const short = { 'nodefs.available': 50 };
    const rows = [
      [0, short],
      [59_999, short],
      [60_000, short],
      [60_001, { 'nodefs.available': 500 }],
      [60_002, short],
      [120_001, short],
      [120_002, short],
    ] as const;
    expect(looks(policy, ...rows.map(([now, given]): [number, typeof short] => [now, given]))).toEqual([
      'DiskPressure; nothing',
      'DiskPressure; nothing',
      'DiskPressure; nodefs.available',
      'well; nothing',
      'DiskPressure; nothing',
      'DiskPressure; nothing',
      'DiskPressure; nodefs.available',
    ]);
  });

  it('goes on until the minimum is reclaimed', () => {
    const policy = policyOf({
      evictionHard: { 'nodefs.available': '100' },
      evictionMinimumReclaim: { 'nodefs.available': '50' },
    });
    const available = [120, 99, 149, 150, 149];
    expect(
      looks(policy, ...available.map((bytes, at): [number, object] => [at, { 'nodefs.available': bytes }])),
    ).toEqual([
      'well; nothing',
      'DiskPressure; nodefs.available',
      'DiskPressure; nodefs.available',
      'well; nothing',
      'well; nothing',
    ]);
  });

  it('keeps a condition for the transition period after its cause went', () => {
    const policy = policyOf({ evictionHard: { 'pid.available': '100' } }, 300_000);
    const free = { 'pid.available': 500 };
    expect(looks(policy, [0, { 'pid.available': 1 }], [299_999, free], [300_000, free])).toEqual([
      'PIDPressure; pid.available',
      'PIDPressure; nothing',
      'well; nothing',
    ]);
  });

  it('takes memory first', () => {
    const policy = policyOf({ evictionHard: { 'nodefs.available': '100', 'memory.available': '100' } });
    const [told] = looks(policy, [0, { 'nodefs.available': 1, 'memory.available': 1 }]);
    expect(told).toBe('DiskPressure MemoryPressure; memory.available nodefs.available');
  });

  it('does nothing about what cannot be measured', () => {
    expect(looks(policyOf({ evictionHard: { 'nodefs.inodesFree': '5%' } }), [0, {}])).toEqual(['well; nothing']);
  });
});

const anyAmount = fc.integer({ min: 1, max: 500 }).map(String);
const anySignals = fc.dictionary(fc.constantFrom(...settableSignals), anyAmount);
const anyLooks = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 1, max: 40_000 }),
    available: fc.dictionary(fc.constantFrom(...settableSignals), fc.integer({ min: 0, max: 600 })),
  }),
  { maxLength: 12 },
);

describe('whatever is measured', () => {
  it('nothing is done that no threshold asks for, nothing before its time, and every shortage has its condition', () => {
    fc.assert(
      fc.property(anySignals, anySignals, anySignals, anyLooks, (hard, soft, minimum, rows) => {
        const grace = Object.fromEntries(Object.keys(soft).map((signal) => [signal, '30s']));
        const policy = policyOf(
          {
            evictionHard: hard,
            evictionSoft: soft,
            evictionSoftGracePeriod: grace,
            evictionMinimumReclaim: minimum,
          },
          60_000,
        );
        let state = noPressure;
        let now = 0;
        const metSince = new Map<Threshold, number>();
        for (const { afterMs, available } of rows) {
          now += afterMs;
          const observations = seen(available);
          const decision: Decision = decide(state, observations, now, policy);
          for (const threshold of policy.thresholds) {
            const observation = observations.get(threshold.signal);
            const isShort = isMet(threshold, observation);
            const acts = decision.starved.includes(threshold);
            if (!isMet(threshold, observation, true)) metSince.delete(threshold);
            else if (isShort && !metSince.has(threshold)) metSince.set(threshold, now);
            if (isShort) expect(decision.conditions).toContain(meaningOf(threshold.signal).condition);
            if (isShort && threshold.isHard) expect(acts).toBe(true);
            if (acts)
              expect(now - (metSince.get(threshold) ?? Infinity)).toBeGreaterThanOrEqual(threshold.gracePeriodMs);
          }
          state = decision.state;
        }
      }),
      { numRuns: 300 },
    );
  });
});
