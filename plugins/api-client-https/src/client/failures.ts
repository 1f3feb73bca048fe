/** Whatever went wrong as the ApiError that the caller gets. */
import { errorMessage } from '@timonel/sdk';
import { ApiError, apiErrorOf, reasonOfCode, type Status } from '@timonel/sdk/kube';
import { isObject } from './json.ts';

const shownLength = 200;

/** The error of an answer that is none of success. */
export function failureOf(code: number, body: Buffer): ApiError {
  const text = body.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value) && value['kind'] === 'Status') return apiErrorOf({ code, ...value } as unknown as Status);
  } catch {
    // Not from an API server: a proxy in between, for example.
  }
  const shown = text.trim().slice(0, shownLength);
  return new ApiError(reasonOfCode(code), `the server answered ${code}${shown === '' ? '' : `: ${shown}`}`);
}

/** Nothing was done. */
export function unreachable(error: unknown): ApiError {
  const message = `the API cannot be reached: ${errorMessage(error)}`;
  return new ApiError('ServiceUnavailable', message, undefined, { cause: error });
}

/** The connection was lost between a write and its answer. */
export function unknownOutcome(error: unknown): ApiError {
  const message = `the API server did not confirm the write (${errorMessage(error)}): it may have happened; read the object before you try again`;
  return new ApiError('Timeout', message, undefined, { cause: error });
}
