/** The refusals of the API in the form that clients know from Kubernetes. */
import { ApiError, apiErrorReason, type FieldError } from '@timonel/sdk/kube';
import { errorCode, errorMessage } from '@timonel/sdk';
import type { Kind } from '../kinds/kind-table.ts';

export function notFound(kind: Kind, name: string): ApiError {
  const { group, resource } = kind.definition;
  return new ApiError('NotFound', `${kind.qualifiedResource} "${name}" not found`, {
    name,
    ...(group === '' ? {} : { group }),
    kind: resource,
  });
}

export function alreadyExists(kind: Kind, name: string): ApiError {
  const { group, resource } = kind.definition;
  return new ApiError('AlreadyExists', `${kind.qualifiedResource} "${name}" already exists`, {
    name,
    ...(group === '' ? {} : { group }),
    kind: resource,
  });
}

export function conflict(
  kind: Kind,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): ApiError {
  const { group, resource } = kind.definition;
  return new ApiError('Conflict', `Operation cannot be fulfilled on ${kind.qualifiedResource} "${name}": ${why}`, {
    name,
    ...(group === '' ? {} : { group }),
    kind: resource,
  });
}

export function invalid(kind: Kind, name: string, errors: readonly FieldError[]): ApiError {
  const texts = errors.map(({ field, message }) => `${field}: ${message}`);
  const list = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  const { group } = kind.definition;
  return new ApiError('Invalid', `${kind.qualifiedKind} "${name}" is invalid: ${list}`, {
    name,
    ...(group === '' ? {} : { group }),
    kind: kind.definition.kind,
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

export function badRequest(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

export function unknownResource(): ApiError {
  // kubectl debug reads the details without looking whether there are any.
  return new ApiError('NotFound', 'the server could not find the requested resource', {});
}

export function methodNotAllowed(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** The ApiError in a chain of causes: hooks and services wrap what a plugin threw. */
export function apiErrorIn(error: unknown): ApiError | undefined {
  let current = error;
  for (let depth = 0; depth < 8 && typeof current === 'object' && current !== null; depth += 1) {
    if (apiErrorReason(current) !== undefined && 'status' in current) return current as ApiError;
    current = 'cause' in current ? current.cause : undefined;
  }
  return undefined;
}

const storeCodes: Record<string, 'ServiceUnavailable' | 'RequestEntityTooLarge' | 'Expired'> = {
  UNAVAILABLE: 'ServiceUnavailable',
  STOPPED: 'ServiceUnavailable',
  NO_SPACE: 'ServiceUnavailable',
  ERR_SERVICE_UNAVAILABLE: 'ServiceUnavailable',
  TOO_LARGE: 'RequestEntityTooLarge',
  COMPACTED: 'Expired',
};
/** Likely over soon: clients that see Retry-After try again by themselves, whatever the verb. */
const passing: ReadonlySet<string> = new Set(['UNAVAILABLE', 'ERR_SERVICE_UNAVAILABLE']);

/** Nothing was done. */
export function storeUnavailable(message: string): ApiError {
  return new ApiError('ServiceUnavailable', message, { retryAfterSeconds: 1 });
}

/**
 * What a failed txn means to the client. When nobody knows whether it happened, the client is told so, and without
 * Retry-After: clients would send even a create again.
 */
export function writeFailure(error: unknown): unknown {
  if (!passing.has(errorCode(error) ?? '')) return error;
  if (typeof error === 'object' && error !== null && 'notApplied' in error && error.notApplied === true) return error;
  const message = `the store did not confirm the write (${errorMessage(error)}): it may have happened; read the object before you try again`;
  return new ApiError('Timeout', message, undefined, { cause: error });
}

/** Whatever was thrown as the ApiError that a client gets. */
export function asApiError(error: unknown): ApiError {
  const found = apiErrorIn(error);
  if (found !== undefined) return found;
  const code = errorCode(error) ?? '';
  const reason = storeCodes[code];
  if (reason !== undefined) {
    const details = passing.has(code) ? { retryAfterSeconds: 1 } : undefined;
    return new ApiError(reason, errorMessage(error), details, { cause: error });
  }
  return new ApiError('InternalError', `Internal error occurred: ${errorMessage(error)}`, undefined, { cause: error });
}
