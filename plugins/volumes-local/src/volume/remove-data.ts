/** Removes the directory of a volume. That cannot be undone, so what the cache shows is not enough. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Effect } from '@timonel/sdk/controller';
import { ApiError, isNotFound, persistentVolumes, type PersistentVolume } from '@timonel/sdk/kube';
import { removeDirectory } from '../node/directories.ts';

/** A conflict when the volume has changed since it was looked at: it may be kept by now, or in use. */
export function removeDataIn(root: string, api: Pick<ApiClient, 'get'>): Effect {
  return async ({ object }) => {
    const volume: PersistentVolume = object;
    const { name = '', resourceVersion } = volume.metadata;
    const current = await api.get(persistentVolumes, { name }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (current?.metadata.resourceVersion !== resourceVersion) {
      throw new ApiError('Conflict', `volume ${name} has changed meanwhile: its directory is left alone`);
    }
    await removeDirectory(root, volume.spec?.local?.path ?? '');
  };
}
