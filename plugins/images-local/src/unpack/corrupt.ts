import { ImageError } from '@timonel/sdk/contracts/images';

/** The fault of an archive that must not be trusted. */
export function corrupt(message: string, cause?: unknown): ImageError {
  return new ImageError('CorruptImage', message, cause === undefined ? {} : { cause });
}

/** Names from an archive may hold anything: shows them short and escaped. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

/** Lets an ImageError pass and makes one of anything else a broken stream throws. */
export function asCorrupt(what: string, error: unknown): unknown {
  if ((error as { name?: unknown }).name === 'ImageError') return error;
  // Faults of this node's file system (full disk, no permission) are not the archive's.
  if (typeof (error as NodeJS.ErrnoException).syscall === 'string') return error;
  return corrupt(`${what}: ${String((error as { message?: unknown }).message ?? error)}`, error);
}
