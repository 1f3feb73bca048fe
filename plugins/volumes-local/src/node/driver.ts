/** Directories of this machine as volumes of pods: those that were made here, and others that a PersistentVolume names. */
import { chmod, chown, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import {
  VolumeError,
  type MountedVolume,
  type VolumeDriver,
  type VolumeMountRequest,
} from '@timonel/sdk/contracts/volume';

const setGroupId = 0o2000;
const groupAll = 0o070;

function pathOf({ volume }: VolumeMountRequest): { readonly path: string; readonly mayBeMade: boolean } {
  const { local, hostPath } = volume.spec ?? {};
  const path = normalize(local?.path ?? hostPath?.path ?? '');
  if (!isAbsolute(path)) throw new VolumeError(`volume ${volume.metadata.name ?? ''}: path "${path}" must be absolute`);
  const type = hostPath?.type ?? '';
  return { path, mayBeMade: local === undefined && (type === '' || type === 'DirectoryOrCreate') };
}

/** Gives the files to the group, unless the directory has it already: then that was done before. Links are not followed. */
async function giveToGroup(path: string, group: number): Promise<void> {
  const root = await stat(path);
  if (root.gid === group && (root.mode & setGroupId) !== 0) return;
  await giveTree(path, group);
  // Last, so that a walk that was cut off is begun again.
  await chown(path, root.uid, group);
  await chmod(path, root.mode | setGroupId | groupAll);
}

async function giveTree(directory: string, group: number): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isSymbolicLink()) continue;
    const { uid, mode } = await lstat(path);
    if (entry.isDirectory()) await giveTree(path, group);
    await chown(path, uid, group);
    await chmod(path, mode | (entry.isDirectory() ? setGroupId | groupAll : 0o060));
  }
}

export const localDriver: VolumeDriver = {
  supports: ({ spec }) => spec?.local !== undefined || spec?.hostPath !== undefined,

  async mount(request): Promise<MountedVolume> {
    const { volume, fsGroup, readOnly } = request;
    const { path, mayBeMade } = pathOf(request);
    if (mayBeMade) await mkdir(path, { recursive: true, mode: 0o755 });
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) {
      throw new VolumeError(`volume ${volume.metadata.name ?? ''}: ${path} does not exist on this node`);
    }
    if (fsGroup !== undefined && !readOnly && found.isDirectory()) await giveToGroup(path, fsGroup);
    return { hostPath: path };
  },

  unmount: () => Promise.resolve(),
};
