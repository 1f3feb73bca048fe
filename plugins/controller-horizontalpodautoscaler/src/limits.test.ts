import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ScalingPolicy } from '@timonel/sdk/kube';
import type { Behavior, DirectionRules } from './behavior.ts';
import { downLimit, limit, stabilize, upLimit, type Wish } from './limits.ts';

const second = 1000;
const nowMs = 10_000 * second;
const ago = (seconds: number): number => nowMs - seconds * second;

const direction = (rules: Partial<DirectionRules> = {}): DirectionRules => ({
  windowMs: 0,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  ...rules,
});
const policy = (type: string, value: number, periodSeconds = 60): ScalingPolicy => ({ type, value, periodSeconds });

type WishShape = Partial<Omit<Wish, 'behavior'>> & { readonly behavior?: Partial<Behavior> | undefined };

function wishOf(wish: WishShape = {}): Wish {
  const behavior = wish.behavior === undefined ? undefined : { up: direction(), down: direction(), ...wish.behavior };
  return {
    current: 10,
    desired: 10,
    bounds: { min: 1, max: 100 },
    recommendations: [],
    changes: [],
    nowMs,
    downscaleStabilizationMs: 300 * second,
    ...wish,
    behavior,
  };
}

const brief = ({ replicas, reason }: { replicas: number; reason: string }): string => `${replicas} ${reason}`;

describe('stabilisation', () => {
  const rec = (seconds: number, replicas: number) => ({ atMs: ago(seconds), replicas });
  const window = (seconds: number) => direction({ windowMs: seconds * second });
  const cases: [string, WishShape, string][] = [
    ['goes down at once without a past', { desired: 4 }, '4 ReadyForNewScale'],
    [
      'goes down to the highest of the last five minutes',
      { desired: 4, recommendations: [rec(200, 8), rec(301, 10), rec(10, 6)] },
      '8 ScaleDownStabilized',
    ],
    ['goes up at once', { desired: 14, recommendations: [rec(10, 6)] }, '14 ReadyForNewScale'],
    [
      'a window downwards',
      { desired: 4, behavior: { down: window(60), up: window(0) }, recommendations: [rec(59, 7), rec(61, 9)] },
      '7 ScaleDownStabilized',
    ],
    [
      'a window upwards',
      { desired: 20, behavior: { down: window(0), up: window(60) }, recommendations: [rec(59, 13), rec(61, 11)] },
      '13 ScaleUpStabilized',
    ],
    [
      'a lower recommendation in the window upwards keeps what is there',
      { desired: 20, behavior: { down: window(0), up: window(60) }, recommendations: [rec(59, 3)] },
      '10 ScaleUpStabilized',
    ],
    [
      'a higher recommendation in the window downwards raises nothing',
      { desired: 5, behavior: { down: window(60), up: window(0) }, recommendations: [rec(5, 30)] },
      '10 ScaleDownStabilized',
    ],
    [
      'without windows the wish is the verdict',
      { desired: 5, behavior: {}, recommendations: [rec(5, 30)] },
      '5 ReadyForNewScale',
    ],
  ];
  it.each(cases)('%s', (_, wish, wanted) => {
    expect(brief(stabilize(wishOf(wish)))).toBe(wanted);
  });
});

describe('rates and bounds', () => {
  const up = (seconds: number, by: number) => ({ atMs: ago(seconds), by });
  const cases: [string, WishShape, number, string][] = [
    ['without a behaviour at most doubles', {}, 50, '20 ScaleUpLimit'],
    ['without a behaviour may always reach 4', { current: 1 }, 50, '4 ScaleUpLimit'],
    ['stops at the maximum', { bounds: { min: 1, max: 12 } }, 50, '12 TooManyReplicas'],
    ['stops at the minimum', { bounds: { min: 3, max: 12 } }, 0, '3 TooFewReplicas'],
    ['is content within', {}, 15, '15 DesiredWithinRange'],
    [
      'adds the greater of two policies',
      { behavior: { up: direction({ policies: [policy('Pods', 4), policy('Percent', 50)] }) } },
      50,
      '15 ScaleUpLimit',
    ],
    [
      'adds the smaller of two policies with Min',
      { behavior: { up: direction({ selectPolicy: 'Min', policies: [policy('Pods', 4), policy('Percent', 50)] }) } },
      50,
      '14 ScaleUpLimit',
    ],
    [
      'adds nothing when disabled',
      { behavior: { up: direction({ selectPolicy: 'Disabled' }) } },
      50,
      '10 ScaleUpLimit',
    ],
    [
      'counts what was added in the period',
      { behavior: { up: direction({ policies: [policy('Pods', 4)] }) }, changes: [up(30, 3), up(61, 9)] },
      50,
      '11 ScaleUpLimit',
    ],
    [
      'waits when more was added than is allowed',
      { behavior: { up: direction({ policies: [policy('Pods', 4)] }) }, changes: [up(30, 7)] },
      50,
      '10 ScaleUpLimit',
    ],
    [
      'counts what was removed, too',
      { behavior: { up: direction({ policies: [policy('Pods', 4)] }) }, changes: [up(30, -2)] },
      50,
      '16 ScaleUpLimit',
    ],
    [
      'removes the most that a policy allows',
      { behavior: { down: direction({ policies: [policy('Pods', 4), policy('Percent', 10)] }) } },
      1,
      '6 ScaleDownLimit',
    ],
    [
      'removes the least with Min',
      { behavior: { down: direction({ selectPolicy: 'Min', policies: [policy('Pods', 4), policy('Percent', 10)] }) } },
      1,
      '9 ScaleDownLimit',
    ],
    [
      'removes nothing when disabled',
      { behavior: { down: direction({ selectPolicy: 'Disabled' }) } },
      1,
      '10 ScaleDownLimit',
    ],
    [
      'removes no more than the period has left',
      { behavior: { down: direction({ policies: [policy('Pods', 4)] }) }, changes: [up(30, -3)] },
      1,
      '9 ScaleDownLimit',
    ],
    ['may remove all but the minimum', { behavior: {}, bounds: { min: 2, max: 100 } }, 0, '2 TooFewReplicas'],
  ];
  it.each(cases)('%s', (_, wish, wanted, verdict) => {
    expect(brief(limit(wishOf(wish), wanted))).toBe(verdict);
  });
});

const anyPolicy = fc.record({
  type: fc.constantFrom('Pods', 'Percent'),
  value: fc.integer({ min: 1, max: 200 }),
  periodSeconds: fc.constantFrom(15, 60, 300),
});
const anyRules: fc.Arbitrary<DirectionRules> = fc.record({
  windowMs: fc.constantFrom(0, 60 * second, 300 * second),
  selectPolicy: fc.constantFrom('Max', 'Min', 'Disabled'),
  policies: fc.array(anyPolicy, { minLength: 1, maxLength: 3 }),
});
const past = fc.integer({ min: 0, max: 400 }).map(ago);
const anyWish: fc.Arbitrary<Wish> = fc
  .tuple(
    fc.integer({ min: 1, max: 50 }),
    fc.nat(50),
    fc.option(fc.record({ up: anyRules, down: anyRules }), { nil: undefined }),
    fc.nat(200),
    fc.array(fc.record({ atMs: past, replicas: fc.nat(150) }), { maxLength: 5 }),
    fc.array(fc.record({ atMs: past, by: fc.integer({ min: -20, max: 20 }) }), { maxLength: 5 }),
    fc.nat(100),
  )
  .map(([min, width, behavior, desired, recommendations, changes, at]) => {
    const bounds = { min, max: min + width };
    const current = min + (at % (width + 1));
    return wishOf({ bounds, current, behavior, desired, recommendations, changes });
  });

describe('for any wish', () => {
  it('the verdict is within the bounds and the rates', () => {
    fc.assert(
      fc.property(anyWish, (wish) => {
        const { replicas } = limit(wish, stabilize(wish).replicas);
        expect(replicas).toBeGreaterThanOrEqual(wish.bounds.min);
        expect(replicas).toBeLessThanOrEqual(wish.bounds.max);
        if (wish.behavior === undefined) {
          expect(replicas).toBeLessThanOrEqual(Math.max(4, 2 * wish.current, wish.bounds.min));
          return;
        }
        if (replicas > wish.current) expect(replicas).toBeLessThanOrEqual(upLimit(wish, wish.behavior.up));
        if (replicas < wish.current) expect(replicas).toBeGreaterThanOrEqual(downLimit(wish, wish.behavior.down));
      }),
    );
  });

  it('a stabilised wish is no further than the wish, and on its side of what is there', () => {
    fc.assert(
      fc.property(anyWish, (wish) => {
        if (wish.behavior === undefined) return;
        const { replicas } = stabilize(wish);
        const [least, most] = [Math.min(wish.current, wish.desired), Math.max(wish.current, wish.desired)];
        expect(replicas).toBeGreaterThanOrEqual(least);
        expect(replicas).toBeLessThanOrEqual(most);
      }),
    );
  });
});
