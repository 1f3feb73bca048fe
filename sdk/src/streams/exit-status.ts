import { errorMessage } from '../kernel/index.ts';
import { ApiError, apiErrorOf, apiErrorReason, type Status } from '../kube/index.ts';

const success: Status = Object.freeze({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });

/** What the error channel of a session says about the exit code of its process. */
export function exitStatus(code: number): Status {
  if (code === 0) return success;
  return {
    ...success,
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

/** What the error channel says when a session failed. */
export function failureStatus(error: unknown): Status {
  if (apiErrorReason(error) !== undefined && 'status' in (error as ApiError)) return (error as ApiError).status;
  return new ApiError('InternalError', errorMessage(error)).status;
}

/** The exit code that a Status stands for. @throws ApiError when it is that of a failure. */
export function exitCodeOf(status: Status): number {
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode');
  const code = Number(cause?.message);
  if (status.reason === 'NonZeroExitCode' && Number.isInteger(code)) return code;
  throw apiErrorOf(status);
}
