/** The caches of the binder, which both of its halves share, and which keys a change concerns. */
import { keysFrom, type Informer, type KeySource, type Wiring } from '@timonel/sdk/controller';
import {
  isNotFound,
  objectKey,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  type KubeObject,
  type ResourceType,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type StorageClass,
} from '@timonel/sdk/kube';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { classNameOf, wantsDefaultClass } from '@timonel/sdk/volumes';

export interface Inputs {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
}

/** Unbound claims that leave the volume to the cluster. */
function waitingClass(claim: PersistentVolumeClaim): string | undefined {
  return (claim.spec?.volumeName ?? '') === '' ? classNameOf(claim) : undefined;
}

function freeClass(volume: PersistentVolume): string | undefined {
  return volume.spec?.claimRef === undefined ? classNameOf(volume) : undefined;
}

export function claimKeyOf({ spec }: PersistentVolume): string | undefined {
  const { namespace, name } = spec?.claimRef ?? {};
  return name === undefined ? undefined : `${namespace ?? ''}/${name}`;
}

const namedVolume = ({ spec }: PersistentVolumeClaim): string | undefined => spec?.volumeName || undefined;

export function inputsOf({ informers }: Pick<Wiring<never, never, unknown>, 'informers'>): Inputs {
  return {
    claims: informers.for(persistentVolumeClaims, { indexes: { waiting: waitingClass, volume: namedVolume } }),
    volumes: informers.for(persistentVolumes, { indexes: { free: freeClass, claim: claimKeyOf } }),
    classes: informers.for(storageClasses),
  };
}

export function sourcesOfClaims({ claims, volumes, classes }: Inputs): KeySource[] {
  const waiting = (className: string): string[] => claims.byIndex('waiting', className).map(objectKey);
  return [
    keysFrom(claims, (claim) => [objectKey(claim)]),
    keysFrom(volumes, (volume) => {
      const named = claims.byIndex('volume', volume.metadata.name ?? '').map(objectKey);
      const key = claimKeyOf(volume);
      return key === undefined ? [...named, ...waiting(classNameOf(volume))] : [...named, key];
    }),
    keysFrom(classes, ({ metadata: { name = '' } }) => {
      const unnamed = claims.byIndex('waiting', '').filter(wantsDefaultClass).map(objectKey);
      return [...waiting(name), ...unnamed];
    }),
  ];
}

export function sourcesOfVolumes({ claims, volumes }: Inputs): KeySource[] {
  return [
    keysFrom(volumes, (volume) => [objectKey(volume)]),
    keysFrom(claims, (claim) => {
      const name = namedVolume(claim);
      const setAside = volumes.byIndex('claim', objectKey(claim)).map(objectKey);
      return name === undefined ? setAside : [...setAside, name];
    }),
  ];
}

/** As the cache has it; what the cache lacks may only not have arrived, so the API is asked before anything is taken for lost. */
export async function found<T extends KubeObject>(
  api: ApiClient,
  type: ResourceType<T>,
  cache: Informer<T>,
  key: string,
): Promise<T | undefined> {
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  const parts = key.split('/');
  const name = parts.pop() ?? '';
  try {
    return await api.get(type, { namespace: parts[0], name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
