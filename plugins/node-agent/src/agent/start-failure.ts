/** When a container that could not start is tried again. Pure. */
import { errorMessage } from '@timonel/sdk';
import { doubled } from '../plan/back-off.ts';
import { pullReasons, type StartFailure } from '../plan/view.ts';

const configRetryMs = 10_000;
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
  const delayMs =
    reason === 'CreateContainerConfigError' ? configRetryMs : doubled(sameKind ? before.delayMs : undefined);
  return { reason, message: errorMessage(error), failedAt: now, retryAt: now + delayMs, delayMs };
}
