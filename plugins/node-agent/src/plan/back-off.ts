/** Delays between tries, as the kubelet's: 10 s doubling to 300 s, forgotten after twice the longest delay without a failure. */

export interface BackOffEntry {
  readonly delayMs: number;
  /** ms since the epoch of the last restart. */
  readonly updatedAt: number;
}

export const initialDelayMs = 10_000;
export const longestDelayMs = 300_000;
const forgetAfterMs = 2 * longestDelayMs;

export function doubled(delayMs: number | undefined): number {
  return delayMs === undefined ? initialDelayMs : Math.min(delayMs * 2, longestDelayMs);
}

/** When a container that ended at `finishedAt` may run again. The first restart is at once. */
export function restartAllowedAt(entry: BackOffEntry | undefined, finishedAt: number): number {
  if (entry === undefined || finishedAt - entry.updatedAt > forgetAfterMs) return finishedAt;
  return finishedAt + entry.delayMs;
}

/** The entry after a restart at `now` of a container that ended at `finishedAt`. */
export function afterRestart(entry: BackOffEntry | undefined, finishedAt: number, now: number): BackOffEntry {
  const fresh = entry === undefined || finishedAt - entry.updatedAt > forgetAfterMs;
  return { delayMs: doubled(fresh ? undefined : entry.delayMs), updatedAt: now };
}
