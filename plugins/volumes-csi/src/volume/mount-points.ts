/** What drivers mount and unmount is looked at, not believed. */
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '@timonel/sdk';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { mountTable } from '@timonel/sdk/linux';

export async function isMountPoint(path: string): Promise<boolean> {
  return (await mountTable()).some((mount) => mount.path === path);
}

export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o750 });
}

export const makeParent = (path: string): Promise<void> => makeDirectory(dirname(path));

/** Of what a driver has left. Never with its content: that may be the volume's. @throws VolumeError */
export async function removeMountPoint(path: string): Promise<void> {
  if (await isMountPoint(path))
    throw new VolumeError(`${path} is mounted still, though its driver says that it is not`);
  try {
    await rmdir(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return;
    if (code !== 'ENOTDIR') throw new VolumeError(`${path} is left by the driver, and not empty`, { cause: error });
    await rm(path, { force: true });
  }
}
