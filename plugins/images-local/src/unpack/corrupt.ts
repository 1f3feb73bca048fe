/**
 * The fault of an archive or image that must not be trusted: an ImageError by name and reason. A class of its own, so that the threads
 * which unpack load no more than they need.
 */
export class CorruptImage extends Error {
  override readonly name: string = 'ImageError';
  readonly reason: string = 'CorruptImage';
}

export function corrupt(message: string, cause?: unknown): CorruptImage {
  return new CorruptImage(message, cause === undefined ? undefined : { cause });
}

/** Names from an archive may hold anything: shows them short and escaped. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

/** Says of what an ImageError is, and makes one of anything else a broken stream throws. */
export function asCorrupt(what: string, error: unknown): unknown {
  const { name, message } = error as { readonly name?: unknown; readonly message: string };
  if (name === 'AbortError') return error;
  if (name === 'ImageError') return message.includes(what) ? error : corrupt(`${what}: ${message}`, error);
  if ((error as NodeJS.ErrnoException).code === 'ENAMETOOLONG')
    return corrupt(`${what}: a name in it is too long`, error);
  // Faults of this node's file system (full disk, no permission) are not the archive's.
  if (typeof (error as NodeJS.ErrnoException).syscall === 'string') return error;
  return corrupt(`${what}: ${String((error as { message?: unknown }).message ?? error)}`, error);
}
