/** From what is measured to which conditions hold and what to reclaim now: the kubelet's rules. Pure. */
import { meaningOf, type NodePressure, type Observations } from './signals.ts';
import { metBy, type Threshold } from './thresholds.ts';

/** What is kept from one look to the next. */
export interface PressureState {
  /** Met for their grace period; each stays so until its minimum is reclaimed. */
  readonly met: readonly Threshold[];
  /** Since when each is met, in ms of a clock that never goes back. */
  readonly since: ReadonlyMap<Threshold, number>;
  readonly lastSeen: ReadonlyMap<NodePressure, number>;
}

export const noPressure: PressureState = { met: [], since: new Map(), lastSeen: new Map() };

export interface PressurePolicy {
  readonly thresholds: readonly Threshold[];
  /** For how long a condition holds after its cause went. */
  readonly transitionMs: number;
}

export interface Decision {
  readonly state: PressureState;
  /** In the order in which they came first. */
  readonly conditions: readonly NodePressure[];
  /** To be acted on, the most urgent first. */
  readonly starved: readonly Threshold[];
}

/** `now`: ms of a clock that never goes back. */
export function decide(
  before: PressureState,
  observations: Observations,
  now: number,
  { thresholds, transitionMs }: PressurePolicy,
): Decision {
  const observed = new Set([...metBy(thresholds, observations), ...metBy(before.met, observations, true)]);
  const since = new Map([...observed].map((threshold) => [threshold, before.since.get(threshold) ?? now]));
  const lastSeen = new Map([...before.lastSeen].filter(([, at]) => now - at < transitionMs));
  for (const { signal } of observed) lastSeen.set(meaningOf(signal).condition, now);
  const met = [...since].filter(([threshold, at]) => now - at >= threshold.gracePeriodMs).map(([each]) => each);
  return { state: { met, since, lastSeen }, conditions: [...lastSeen.keys()], starved: met.toSorted(byUrgency) };
}

/** Memory first: who has none left cannot do the rest. */
function byUrgency(a: Threshold, b: Threshold): number {
  const isMemory = ({ signal }: Threshold): boolean => meaningOf(signal).resource === 'memory';
  return Number(isMemory(b)) - Number(isMemory(a));
}
