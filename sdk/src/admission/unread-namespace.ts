/** What answers a request whose namespace cannot be read, though somebody must know it to judge the request. */
import type { AdmissionContext } from '../contracts/api-server/index.ts';
import { errorMessage } from '../kernel/index.ts';
import { ApiError, isNotFound } from '../kube/index.ts';
import { namespaceOf } from './review.ts';

/** `error`: of the attempt. That there is no such namespace is said as such. */
export function unreadNamespace(context: AdmissionContext, error: unknown): ApiError {
  if (!isNotFound(error)) return new ApiError('InternalError', `Internal error occurred: ${errorMessage(error)}`);
  const name = namespaceOf(context) ?? '';
  return new ApiError('NotFound', `namespaces "${name}" not found`, { name, kind: 'namespaces' });
}
