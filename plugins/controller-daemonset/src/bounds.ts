/** How many pods a roll-out may miss or add. */
import type { DaemonSet } from '@timonel/sdk/kube';

export interface Bounds {
  readonly maxUnavailable: number;
  readonly maxSurge: number;
}

/** A number of nodes, or a percentage of them, rounded up. */
function resolve(value: number | string | undefined, nodes: number, absent: number): number {
  if (value === undefined) return absent;
  if (typeof value === 'number') return value;
  const percent = Number(/^(\d+)%$/.exec(value)?.[1] ?? 0);
  return Math.ceil((percent * nodes) / 100);
}

export function boundsOf(set: DaemonSet, desired: number): Bounds {
  const rolling = set.spec.updateStrategy?.rollingUpdate;
  const maxSurge = resolve(rolling?.maxSurge, desired, 0);
  const maxUnavailable = resolve(rolling?.maxUnavailable, desired, 1);
  // With both at zero nothing could ever move.
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

export function isRolling(set: DaemonSet): boolean {
  return set.spec.updateStrategy?.type !== 'OnDelete';
}

/** Whether two pods of different revisions may be on one node. */
export function allowsSurge(set: DaemonSet): boolean {
  return isRolling(set) && boundsOf(set, 100).maxSurge > 0;
}
