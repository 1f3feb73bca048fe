import type { PodInfo } from '@timonel/sdk/contracts/scheduler';
import type { Core } from '../core.ts';

/** A pod has no claim to its node any more: the room is free for others. Answers whether it had one. */
export function loseNomination({ nominations, turn }: Core, pod: PodInfo): boolean {
  const nodeName = nominations.delete(pod.uid);
  if (nodeName === undefined) return false;
  turn.emit({ kind: 'pod-removed', pod, nodeName });
  return true;
}
