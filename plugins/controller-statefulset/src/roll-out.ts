/** Replaces pods of older revisions, the highest ordinal first, so that no more than maxUnavailable are away. */
import type { Action } from '@timonel/sdk/controller';
import type { StatefulSet } from '@timonel/sdk/kube';
import {
  hasEnded,
  isAvailable,
  isRolling,
  isTerminating,
  partitionOf,
  type Assessment,
  type Observed,
} from './assess.ts';
import { revisionOfPod } from './identity.ts';
import { deletePod } from './pod-actions.ts';

export function maxUnavailable(set: StatefulSet): number {
  const value = set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  if (typeof value === 'number') return Math.max(1, value);
  const percent = Number(/^(\d+)%$/.exec(value)?.[1] ?? 0);
  return Math.max(1, Math.floor((percent * (set.spec.replicas ?? 1)) / 100));
}

export function rollOut(observed: Observed, { replicas, update }: Assessment): Action[] {
  const { subject: set, nowMs } = observed;
  if (!isRolling(set)) return [];
  const limit = maxUnavailable(set);
  const slots = replicas.map((slot) => {
    const { pod } = slot;
    const isLeaving = pod === undefined || isTerminating(pod) || hasEnded(pod);
    const outdated = !isLeaving && revisionOfPod(pod) !== update?.name;
    return { ...slot, outdated, available: pod !== undefined && isAvailable(set, pod, nowMs) };
  });
  let unavailable = slots.filter(({ available }) => !available).length;
  // Those that a replacement would bring no nearer to the new revision.
  let moving = slots.filter(({ available, outdated }) => !available && !outdated).length;
  const actions: Action[] = [];
  for (const { pod, name, ordinal, outdated, available } of slots.toReversed()) {
    if (pod === undefined || !outdated || ordinal < partitionOf(set)) continue;
    if ((available ? unavailable : moving) >= limit) continue;
    if (available) unavailable += 1;
    moving += 1;
    const text = `${name} is of revision ${revisionOfPod(pod) ?? 'none'}, the newest is ${update?.name}`;
    actions.push(deletePod(set, pod, { code: 'RevisionOutdated', text }));
  }
  return actions;
}
