/**
 * Gives the files of a volume to a group. Another pod may be at work in it and put links where files were, so everything is opened
 * first, without following links, from the directory that is open already, and changed by what was opened.
 */
import { constants } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';

const setGroupId = 0o2000;
const ownerAndGroupAll = 0o770;
const ownerAndGroupReadWrite = 0o660;
const modeBits = 0o7777;
/** Each level keeps a file open. */
const deepest = 200;

/** Undefined: it is a link or a socket, or gone. */
async function opened(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ELOOP', 'ENXIO', 'ENOENT'].includes(code)) return undefined;
    throw error;
  }
}

async function give(file: FileHandle, group: number): Promise<void> {
  const found = await file.stat();
  const more = found.isDirectory() ? setGroupId | ownerAndGroupAll : ownerAndGroupReadWrite;
  await file.chown(found.uid, group);
  await file.chmod((found.mode & modeBits) | more);
}

async function giveInside(directory: FileHandle, group: number, depth: number): Promise<void> {
  if (depth > deepest) throw new Error(`directories of the volume are more than ${deepest} levels deep`);
  const path = `/proc/self/fd/${directory.fd}`;
  for (const name of await readdir(path)) {
    const file = await opened(`${path}/${name}`);
    try {
      if (file === undefined) continue;
      if ((await file.stat()).isDirectory()) await giveInside(file, group, depth + 1);
      await give(file, group);
    } finally {
      await file?.close();
    }
  }
}

/** OnRootMismatch: nothing is done when the directory is the group's already, as then all of it was done before. */
export type GroupChange = 'Always' | 'OnRootMismatch';

/** @throws Error */
export async function giveToGroup(path: string, group: number, change: GroupChange = 'OnRootMismatch'): Promise<void> {
  const root = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { gid, mode } = await root.stat();
    if (change === 'OnRootMismatch' && gid === group && (mode & setGroupId) !== 0) return;
    await giveInside(root, group, 1);
    // Last, so that a walk that was cut off is begun again.
    await give(root, group);
  } finally {
    await root.close();
  }
}
