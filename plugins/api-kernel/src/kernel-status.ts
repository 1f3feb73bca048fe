/** Errors of the kernel and of the image service as Status. */
import { errorCode, errorMessage } from '@timonel/sdk';
import { ApiError, apiErrorReason, type StatusReason } from '@timonel/sdk/kube';

const reasons: Record<string, StatusReason> = {
  ERR_PLUGIN_UNKNOWN: 'NotFound',
  ERR_PLUGIN_INVALID: 'Invalid',
  ERR_PLUGIN_API_VERSION: 'Invalid',
  ERR_PLUGIN_IMPORT: 'Invalid',
  ERR_PLUGIN_SETUP: 'Invalid',
  ERR_PLUGIN_START: 'Invalid',
  ERR_PLUGIN_PROBE: 'Invalid',
  ERR_PLUGIN_CONTRACT: 'Invalid',
  ERR_CONFIG_INVALID: 'Invalid',
  ERR_GRAPH: 'Invalid',
  ERR_GRAPH_CYCLE: 'Invalid',
  ERR_SERVICE_MISSING: 'Invalid',
  ERR_SERVICE_VERSION: 'Invalid',
  ERR_SERVICE_CONFLICT: 'Conflict',
  ERR_SERVICE_SWAP: 'Conflict',
  ERR_PLUGIN_DUPLICATE: 'Conflict',
  ERR_PLUGIN_STATE: 'Conflict',
  ERR_PLUGIN_IN_USE: 'Conflict',
  ERR_PLUGIN_QUARANTINED: 'Conflict',
  ERR_PLUGIN_TIMEOUT: 'Timeout',
  ERR_SERVICE_UNAVAILABLE: 'ServiceUnavailable',
  RegistryUnavailable: 'ServiceUnavailable',
};

function causeMessages(error: unknown): string[] {
  const problems = typeof error === 'object' && error !== null && 'problems' in error ? error.problems : undefined;
  return Array.isArray(problems) ? problems.map(errorMessage) : [];
}

/** The code of the error is the reason of the first cause; the problems of a graph follow. */
export function kernelStatus(error: unknown): ApiError {
  if (apiErrorReason(error) !== undefined) return error as ApiError;
  const code = errorCode(error) ?? imageReason(error);
  const message = errorMessage(error);
  const reason = reasons[code ?? ''] ?? (imageReason(error) === undefined ? 'InternalError' : 'Invalid');
  const causes = [
    ...(code === undefined ? [] : [{ reason: code, message }]),
    ...causeMessages(error).map((text) => ({ message: text })),
  ];
  return new ApiError(reason, message, { causes }, { cause: error });
}

/** Why an image operation failed; undefined: it is no error of images. */
export function imageReason(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('name' in error) || error.name !== 'ImageError')
    return undefined;
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : undefined;
}
