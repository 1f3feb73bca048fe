/** When a container that could not start is tried again. Pure. */
import { errorMessage } from '@timonel/sdk';
import { doubled } from '../plan/back-off.ts';
import { failedMount, pullReasons, type StartFailure } from '../plan/view.ts';

const configRetryMs = 10_000;
const firstMountRetryMs = 500;
const longestMountRetryMs = 122_000;
const imageReasons = new Set([...pullReasons, 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError']);

export interface FailedStart {
  readonly ok: false;
  readonly reason: string;
  readonly error: unknown;
}

/** Wrong configuration after a fixed time (a person will mend it), the others with growing delays. */
export function startFailure(failure: FailedStart, before: StartFailure | undefined, now: number): StartFailure {
  const { reason, error } = failure;
  const sameKind = before !== undefined && imageReasons.has(before.reason) === imageReasons.has(reason);
  const delayMs = delayAfter(reason, sameKind ? before.delayMs : undefined, before?.reason === reason);
  return { reason, message: errorMessage(error), failedAt: now, retryAt: now + delayMs, delayMs };
}

function delayAfter(reason: string, delayMs: number | undefined, isSame: boolean): number {
  if (reason === 'CreateContainerConfigError') return configRetryMs;
  if (reason !== failedMount) return doubled(delayMs);
  return isSame && delayMs !== undefined ? Math.min(delayMs * 2, longestMountRetryMs) : firstMountRetryMs;
}
