import type { Core } from '../core.ts';

/** A pod is on no node any more: its room is free, and whoever waited for its going is tried again at once. */
export function takeOff({ state, turn, preemptions, queue }: Core, uid: string): void {
  const placement = state.remove(uid);
  turn.podLeft(uid);
  if (placement !== undefined) turn.emit({ kind: 'pod-removed', ...placement });
  for (const freed of preemptions.gone(uid)) queue.activate(freed);
}
