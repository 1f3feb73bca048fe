/** Directories of this machine as volumes of pods: those that were made here, and others that a PersistentVolume names. */
import type { Stats } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { isAbsolute, normalize } from 'node:path';
import { errorMessage } from '@timonel/sdk';
import { giveToGroup } from '@timonel/sdk/linux';
import {
  VolumeError,
  type MountedVolume,
  type VolumeDriver,
  type VolumeMountRequest,
  type VolumePod,
  type VolumeUsage,
} from '@timonel/sdk/contracts/volume';
import type { PersistentVolume } from '@timonel/sdk/kube';
import { measureDisk } from './directories.ts';

function pathOf({ volume }: VolumeMountRequest): { readonly path: string; readonly mayBeMade: boolean } {
  const { local, hostPath } = volume.spec ?? {};
  const path = normalize(local?.path ?? hostPath?.path ?? '');
  if (!isAbsolute(path)) throw new VolumeError(`volume ${volume.metadata.name ?? ''}: path "${path}" must be absolute`);
  const type = hostPath?.type ?? '';
  return { path, mayBeMade: local === undefined && (type === '' || type === 'DirectoryOrCreate') };
}

/** @throws VolumeError */
async function give(
  { volume, fsGroup, fsGroupChangePolicy = 'Always' }: VolumeMountRequest,
  path: string,
): Promise<void> {
  if (fsGroup === undefined) return;
  await giveToGroup(path, fsGroup, fsGroupChangePolicy).catch((error: unknown) => {
    throw new VolumeError(`volume ${volume.metadata.name ?? ''}: ${errorMessage(error)}`, { cause: error });
  });
}

/** @throws VolumeError */
function checkMode({ volume: { metadata, spec } }: VolumeMountRequest, path: string, found: Stats): void {
  const wantsDevice = spec?.volumeMode === 'Block';
  if (wantsDevice === found.isBlockDevice()) return;
  const why = wantsDevice
    ? `is no block device, which volumeMode Block asks for`
    : `is a block device: give the volume volumeMode Block, or the path where it is mounted`;
  throw new VolumeError(`volume ${metadata.name ?? ''}: ${path} ${why}`);
}

class LocalDriver implements VolumeDriver {
  /** Paths that were given to the group of a pod, by its uid: once for all of its containers, and once more after a restart. */
  readonly #given = new Map<string, Set<string>>();

  supports({ spec }: PersistentVolume): boolean {
    return spec?.local !== undefined || spec?.hostPath !== undefined;
  }

  async mount(request: VolumeMountRequest): Promise<MountedVolume> {
    const { volume } = request;
    const { path, mayBeMade } = pathOf(request);
    if (mayBeMade) await mkdir(path, { recursive: true, mode: 0o755 });
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) {
      throw new VolumeError(`volume ${volume.metadata.name ?? ''}: ${path} does not exist on this node`);
    }
    checkMode(request, path, found);
    // What a hostPath shows is the node's own.
    if (volume.spec?.local !== undefined && found.isDirectory()) await this.#giveOnce(request, path);
    return { hostPath: path };
  }

  async unmount({ uid }: VolumePod): Promise<void> {
    this.#given.delete(uid);
  }

  async usage(request: VolumeMountRequest): Promise<VolumeUsage | undefined> {
    if (request.volume.spec?.volumeMode === 'Block') return undefined;
    const { sizeBytes, availableBytes, inodesUsed } = await measureDisk(pathOf(request).path);
    const usedBytes = sizeBytes - availableBytes;
    return { usedBytes, inodesUsed, capacityBytes: sizeBytes, availableBytes, medium: 'own' };
  }

  async #giveOnce(request: VolumeMountRequest, path: string): Promise<void> {
    const { uid } = request.pod;
    const given = this.#given.get(uid) ?? new Set();
    if (request.readOnly || request.fsGroup === undefined || given.has(path)) return;
    await give(request, path);
    this.#given.set(uid, given.add(path));
  }
}

export function localDriver(): VolumeDriver {
  return new LocalDriver();
}
