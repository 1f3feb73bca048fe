import { chmodSync, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { corrupt, shown } from './corrupt.ts';

/**
 * The name of an archive entry, relative to the root, without `.` and empty parts; '' is the root itself.
 * @throws CorruptImage for absolute names and those with `..`
 */
export function cleanEntryName(name: string): string {
  if (name.includes('\0')) throw corrupt(`the entry name ${shown(name)} holds a zero byte`);
  if (name.startsWith('/')) throw corrupt(`the entry name ${shown(name)} is absolute: refused`);
  if (Buffer.byteLength(name) > 4096) throw corrupt(`the entry name ${shown(name)} is longer than 4096 bytes`);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw corrupt(`the entry name ${shown(name)} leaves the root of the image: refused`);
    if (Buffer.byteLength(part) > 255)
      throw corrupt(`a part of the entry name ${shown(name)} is longer than 255 bytes`);
  }
  return parts.join('/');
}

/** With the common mode, whatever the umask of this process is: containers run as other users. */
export function makeDirectory(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
}

export function lstatIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // The name of a file as a directory, or more than the system takes (which then cannot be there).
    if (['ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

export function parentOf(name: string): string {
  const parent = dirname(name);
  return parent === '.' ? '' : parent;
}
