/** From what the metrics ask for to what is done: stabilisation first, then rates and bounds. */
import type { ScalingPolicy } from '@timonel/sdk/kube';
import type { Behavior, DirectionRules } from './behavior.ts';
import type { Change, Recommendation } from './memory.ts';

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export interface Verdict {
  readonly replicas: number;
  /** Of the condition that explains it. */
  readonly reason: string;
  readonly message: string;
}

export interface Wish {
  readonly current: number;
  /** What the metrics ask for. */
  readonly desired: number;
  readonly bounds: Bounds;
  /** Undefined: the older rules. */
  readonly behavior: Behavior | undefined;
  /** Without that of this moment. */
  readonly recommendations: readonly Recommendation[];
  readonly changes: readonly Change[];
  readonly nowMs: number;
  /** For autoscalers without a behaviour. */
  readonly downscaleStabilizationMs: number;
}

const readyForNewScale = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
const stabilizedDown = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
};
const stabilizedUp = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
};

/** The recommendations of a window, and the one of this moment. */
function within({ recommendations, desired, nowMs }: Wish, windowMs: number): number[] {
  const recent = recommendations.filter(({ atMs }) => atMs > nowMs - windowMs);
  return [...recent.map(({ replicas }) => replicas), desired];
}

/** Holds a wish against those of the window: no higher than the highest of them downwards, no lower than the lowest upwards. */
export function stabilize(wish: Wish): Verdict {
  const { behavior, current, desired } = wish;
  if (behavior === undefined) {
    const replicas = Math.max(...within(wish, wish.downscaleStabilizationMs));
    return { replicas, ...(replicas === desired ? readyForNewScale : stabilizedDown) };
  }
  const lowest = Math.min(...within(wish, behavior.up.windowMs));
  const highest = Math.max(...within(wish, behavior.down.windowMs));
  const replicas = Math.min(Math.max(current, lowest), highest);
  if (replicas === desired) return { replicas, ...readyForNewScale };
  return { replicas, ...(desired >= current ? stabilizedUp : stabilizedDown) };
}

function periodStart({ current, changes, nowMs }: Wish, { periodSeconds }: ScalingPolicy): number {
  const recent = changes.filter(({ atMs }) => atMs > nowMs - periodSeconds * 1000);
  return current - recent.reduce((sum, { by }) => sum + by, 0);
}

function limitOf(
  wish: Wish,
  { selectPolicy, policies }: DirectionRules,
  allowed: (start: number, policy: ScalingPolicy) => number,
  furthest: (...limits: number[]) => number,
  nearest: (...limits: number[]) => number,
): number {
  if (selectPolicy === 'Disabled') return wish.current;
  const limits = policies.map((policy) => allowed(periodStart(wish, policy), policy));
  return selectPolicy === 'Min' ? nearest(...limits) : furthest(...limits);
}

/** The most replicas that the rates allow at the moment; the present ones at least. */
export function upLimit(wish: Wish, rules: DirectionRules): number {
  const allowed = (start: number, { type, value }: ScalingPolicy): number =>
    type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  return Math.max(wish.current, limitOf(wish, rules, allowed, Math.max, Math.min));
}

/** The fewest replicas that the rates allow at the moment; the present ones at most. */
export function downLimit(wish: Wish, rules: DirectionRules): number {
  const allowed = (start: number, { type, value }: ScalingPolicy): number =>
    type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
  return Math.min(wish.current, limitOf(wish, rules, allowed, Math.min, Math.max));
}

const faster = 'faster than the maximum scale rate';
const verdicts = {
  inRange: { reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' },
  upLimit: { reason: 'ScaleUpLimit', message: `the desired replica count is increasing ${faster}` },
  downLimit: { reason: 'ScaleDownLimit', message: `the desired replica count is decreasing ${faster}` },
  tooMany: {
    reason: 'TooManyReplicas',
    message: 'the desired replica count is more than the maximum replica count',
  },
  tooFew: { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' },
} as const;

/** Autoscalers that say nothing at most double, and may always reach 4. */
function olderRules({ current, bounds: { min, max } }: Wish, wanted: number): Verdict {
  const rate = Math.max(2 * current, 4);
  const most = Math.min(max, rate);
  if (wanted < min) return { replicas: min, ...verdicts.tooFew };
  if (wanted > most) return { replicas: most, ...(max > rate ? verdicts.upLimit : verdicts.tooMany) };
  return { replicas: wanted, ...verdicts.inRange };
}

/** Keeps rates and bounds. `wanted`: the stabilised wish. */
export function limit(wish: Wish, wanted: number): Verdict {
  const { behavior, current, bounds } = wish;
  if (behavior === undefined) return olderRules(wish, wanted);
  if (wanted > current) {
    const rate = upLimit(wish, behavior.up);
    const most = Math.min(bounds.max, rate);
    if (wanted > most) return { replicas: most, ...(bounds.max > rate ? verdicts.upLimit : verdicts.tooMany) };
  }
  if (wanted < current) {
    const rate = downLimit(wish, behavior.down);
    const fewest = Math.max(bounds.min, rate);
    if (wanted < fewest) return { replicas: fewest, ...(bounds.min < rate ? verdicts.downLimit : verdicts.tooFew) };
  }
  return { replicas: wanted, ...verdicts.inRange };
}
