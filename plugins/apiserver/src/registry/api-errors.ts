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

/** Whatever was thrown as the ApiError that a client gets. */
export function asApiError(error: unknown): ApiError {
  const found = apiErrorIn(error);
  if (found !== undefined) return found;
  const reason = storeCodes[errorCode(error) ?? ''];
  if (reason !== undefined) return new ApiError(reason, errorMessage(error), undefined, { cause: error });
  return new ApiError('InternalError', `Internal error occurred: ${errorMessage(error)}`, undefined, { cause: error });
}
