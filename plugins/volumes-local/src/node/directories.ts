/** The directories of the volumes that are made on this node. */
import { chmod, mkdir, rmdir, statfs } from 'node:fs/promises';
import { dirname, normalize } from 'node:path';
import { removeTree } from '@timonel/sdk/linux';

/** Every user of the pod may write. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o777);
}

/** Only what lies right in the directory of the volumes is removed, whatever a volume says. @throws Error */
export async function removeDirectory(root: string, path: string): Promise<void> {
  if (normalize(path) !== path || dirname(path) !== root)
    throw new Error(`${path} is not in ${root}: it is left alone`);
  await removeTree(path);
}

/** One with something in it stays, and one that is gone is no error. */
export async function removeEmptyDirectory(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined);
}

export interface Disk {
  readonly sizeBytes: number;
  readonly availableBytes: number;
  readonly inodesUsed: number;
}

/** Of the file system where the directory is. */
export async function measureDisk(directory: string): Promise<Disk> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(directory);
  return { sizeBytes: bsize * blocks, availableBytes: bsize * bavail, inodesUsed: files - ffree };
}
