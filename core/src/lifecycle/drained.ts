import type { DeadlineWatch } from '@timonel/sdk';

/** Something that calls are in flight on. */
export interface Busy {
  readonly pending: { readonly size: number };
  /** Called when the last call in flight ended. */
  onIdle: (() => void) | undefined;
}

/** Waits until no call is in flight on `busy`; false when the deadline came first. */
export function drained(busy: Busy, deadlineMs: number, deadlines: DeadlineWatch): Promise<boolean> {
  if (busy.pending.size === 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const deadline = deadlines.add(deadlineMs, () => {
      busy.onIdle = undefined;
      resolve(false);
    });
    busy.onIdle = () => {
      deadlines.remove(deadline);
      busy.onIdle = undefined;
      resolve(true);
    };
  });
}
