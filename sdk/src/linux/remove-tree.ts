/** Removal of directories whose contents others made. */
import { rm } from 'node:fs/promises';
import { mustRun } from '../command/index.ts';
import { errorCode } from '../kernel/index.ts';

/**
 * Removes a directory with all that is in it; no error when it is not there. Whoever wrote into it may have nested directories deeper than a
 * path can name: then rm(1) does it, which goes step by step. @throws Error
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (errorCode(error) !== 'ENAMETOOLONG') throw error;
    await mustRun('rm', ['-rf', '--', path]);
  }
}
