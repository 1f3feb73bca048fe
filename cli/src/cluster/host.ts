import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** True when a program of this name is on the PATH (or in the usual system directories, which a user's PATH may lack). */
export function hasProgram(name: string): boolean {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.some((directory) => {
    if (directory === '') return false;
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}
