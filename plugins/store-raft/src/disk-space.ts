import { statfsSync } from 'node:fs';

/** LMDB writes whole pages of several trees, and does not survive a full disk in all places: so much is left for it. */
export const reserveBytes: number = 512 * 1024;

/** Room for data in the file system of a directory. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
