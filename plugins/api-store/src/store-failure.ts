/** Errors of the store as Status. */
import { errorCode, errorMessage } from '@timonel/sdk';
import { ApiError, apiErrorReason, type StatusReason } from '@timonel/sdk/kube';

const reasons: Readonly<Record<string, StatusReason>> = {
  REFUSED: 'Conflict',
  UNAVAILABLE: 'ServiceUnavailable',
  STOPPED: 'ServiceUnavailable',
  ERR_SERVICE_UNAVAILABLE: 'ServiceUnavailable',
  NO_SPACE: 'ServiceUnavailable',
  COMPACTED: 'Expired',
  FUTURE_REVISION: 'BadRequest',
  TOO_LARGE: 'RequestEntityTooLarge',
  LEASE_NOT_FOUND: 'NotFound',
};
/** Likely over soon. A full disk is not. */
const passing: ReadonlySet<string> = new Set(['UNAVAILABLE', 'ERR_SERVICE_UNAVAILABLE']);
/** What the caller asked for makes no sense. */
const senseless: ReadonlySet<unknown> = new Set(['TypeError', 'RangeError']);

const retryAfterSeconds = 1;

/** Whatever was thrown as the ApiError that the client gets. */
export function storeFailure(error: unknown): ApiError {
  if (apiErrorReason(error) !== undefined) return error as ApiError;
  const code = errorCode(error) ?? '';
  const reason = reasons[code] ?? (code === '' && senseless.has(nameOf(error)) ? 'BadRequest' : 'InternalError');
  const details = {
    ...(code === '' ? {} : { causes: [{ reason: code, message: errorMessage(error) }] }),
    ...(passing.has(code) ? { retryAfterSeconds } : {}),
  };
  return new ApiError(reason, errorMessage(error), details, { cause: error });
}

function nameOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
}

/** It is being done for somebody else already. */
export function busy(what: string): ApiError {
  return new ApiError('TooManyRequests', `${what}: try again later`, { retryAfterSeconds });
}
