/** Pods beyond the wanted number go, in order the highest ordinal first and one at a time. */
import type { Action } from '@timonel/sdk/controller';
import {
  hasEnded,
  isAvailable,
  isOrdered,
  isTerminating,
  type Assessment,
  type CondemnedSlot,
  type Observed,
} from './assess.ts';
import { retainClaims } from './claims.ts';
import { deletePod } from './pod-actions.ts';

export interface ScaledDown {
  readonly actions: readonly Action[];
  /** Nothing is on its way out that the update of pods would have to wait for. */
  readonly goOn: boolean;
}

/**
 * What an ordered scale-down waits for before this place goes: an unhealthy pod of a lower ordinal may become healthy first. One that
 * has ended never will: it neither waits nor is waited for.
 */
function blocker(observed: Observed, { condemned }: Assessment, slot: CondemnedSlot): CondemnedSlot | undefined {
  const { subject: set, nowMs } = observed;
  if (isAvailable(set, slot.pod, nowMs) || hasEnded(slot.pod)) return undefined;
  const lowest = condemned.findLast(({ pod }) => !isAvailable(set, pod, nowMs) && !hasEnded(pod));
  return lowest === slot ? undefined : lowest;
}

/** The unhealthy pod of a lower ordinal for which the scale-down waits. */
export function waitsFor(observed: Observed, seen: Assessment): CondemnedSlot | undefined {
  const [first] = seen.condemned;
  return first !== undefined && isOrdered(observed.subject) ? blocker(observed, seen, first) : undefined;
}

export function scaleDown(observed: Observed, seen: Assessment): ScaledDown {
  const { subject: set, claims } = observed;
  const actions: Action[] = seen.condemned.flatMap(({ ordinal, pod }) => retainClaims(set, ordinal, pod, claims, true));
  for (const slot of seen.condemned) {
    const text = `${slot.name} is beyond the ${set.spec.replicas ?? 1} wanted replicas`;
    const remove = (): unknown => actions.push(deletePod(set, slot.pod, { code: 'TooManyReplicas', text }));
    if (!isOrdered(set)) {
      if (!isTerminating(slot.pod)) remove();
      continue;
    }
    if (!isTerminating(slot.pod) && blocker(observed, seen, slot) === undefined) remove();
    return { actions, goOn: false };
  }
  return { actions, goOn: true };
}
