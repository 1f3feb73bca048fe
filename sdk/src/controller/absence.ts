import { errorCode } from '../kernel/index.ts';
import { apiErrorReason } from '../kube/index.ts';

const absenceReasons: ReadonlySet<string> = new Set([
  'ServiceUnavailable',
  'Timeout',
  'ServerTimeout',
  'TooManyRequests',
]);

/**
 * Whether the error says that the API (or its store) cannot answer at the moment: nothing is wrong with the request, and trying
 * again later helps. A write may have been carried out all the same.
 */
export function isApiAbsent(error: unknown): boolean {
  return absenceReasons.has(apiErrorReason(error) ?? '') || errorCode(error) === 'ERR_SERVICE_UNAVAILABLE';
}
