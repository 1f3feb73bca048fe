import { isConfigError } from '../container/config-error.ts';

const named = new Set(['RuntimeError', 'ImageError', 'VolumeError']);

/** The reason for a pod's status that an error of a plugin carries, or the given one. */
export function reasonOf(error: unknown, otherwise: string): string {
  if (isConfigError(error)) return error.reason;
  if (typeof error !== 'object' || error === null || !('name' in error) || !('reason' in error)) return otherwise;
  return named.has(String(error.name)) && typeof error.reason === 'string' ? error.reason : otherwise;
}
