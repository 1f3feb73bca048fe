/** Directories of this machine as volumes of pods: those that were made here, and others that a PersistentVolume names. */
import { mkdir, stat } from 'node:fs/promises';
import { isAbsolute, normalize } from 'node:path';
import { errorMessage } from '@timonel/sdk';
import { giveToGroup } from '@timonel/sdk/linux';
import {
  VolumeError,
  type MountedVolume,
  type VolumeDriver,
  type VolumeMountRequest,
} from '@timonel/sdk/contracts/volume';
import { measureDisk } from './directories.ts';

function pathOf({ volume }: VolumeMountRequest): { readonly path: string; readonly mayBeMade: boolean } {
  const { local, hostPath } = volume.spec ?? {};
  const path = normalize(local?.path ?? hostPath?.path ?? '');
  if (!isAbsolute(path)) throw new VolumeError(`volume ${volume.metadata.name ?? ''}: path "${path}" must be absolute`);
  const type = hostPath?.type ?? '';
  return { path, mayBeMade: local === undefined && (type === '' || type === 'DirectoryOrCreate') };
}

async function give(path: string, group: number): Promise<void> {
  await giveToGroup(path, group).catch((error: unknown) => {
    throw new VolumeError(errorMessage(error), { cause: error });
  });
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
    if (fsGroup !== undefined && !readOnly && found.isDirectory()) await give(path, fsGroup);
    return { hostPath: path };
  },

  unmount: () => Promise.resolve(),

  async usage(request) {
    const { sizeBytes, availableBytes, inodesUsed } = await measureDisk(pathOf(request).path);
    return {
      usedBytes: sizeBytes - availableBytes,
      inodesUsed,
      capacityBytes: sizeBytes,
      availableBytes,
      medium: 'own',
    };
  },
};
