/** Small state files that survive a crash at any moment: written beside, synced, renamed. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export * from './late-writer.ts';

/**
 * Replaces `path` so that a reader (and the disk after a power loss) holds either the old or the new text: writes
 * `<path>.new`, fsyncs it, renames it, fsyncs the directory. One writer at a time. `mode` is of a newly made file.
 */
export async function writeFileAtomically(path: string, text: string, mode: number = 0o600): Promise<void> {
  const beside = `${path}.new`;
  await rm(beside, { force: true });
  const file = await open(beside, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await syncDirectory(dirname(path));
}

/** Makes renames and unlinks in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The text of a file, or undefined when there is none. Other faults are thrown. */
export async function readFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
