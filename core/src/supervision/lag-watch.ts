import type { Env, Logger, TimerHandle } from '@timonel/sdk';
import type { Activity } from './activity.ts';

/**
 * Finds blocks of the event loop that no border crossing explains: code after an `await`. Blames nobody for certain
 * then, so it only warns and names who was active last.
 */
export function watchLag(env: Env, log: Logger, activity: Activity, checkMs: number, warnMs: number): TimerHandle {
  let expectedAt = env.clock.monotonic() + checkMs;
  let reportedMs = activity.reportedMs;
  return env.timers.every(checkMs, () => {
    const now = env.clock.monotonic();
    const lagMs = now - expectedAt - (activity.reportedMs - reportedMs);
    expectedAt = now + checkMs;
    reportedMs = activity.reportedMs;
    if (lagMs < warnMs) return;
    const suspect = activity.last ?? '(none)';
    log.warn(
      { plugin: suspect, ms: Math.round(lagMs) },
      `the event loop stood still for ${Math.round(lagMs)} ms; plugin '${suspect}' was active last`,
    );
  });
}
