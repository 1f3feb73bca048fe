/** What objects own: by the caches, and by the API itself. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { KubeObject, ResourceType } from '@timonel/sdk/kube';
import type { Caches } from './caches.ts';
import { isCollected } from './kinds.ts';

export interface Dependent {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

export function* cachedDependents(caches: Caches, uid: string | undefined): Iterable<Dependent> {
  if (uid === undefined) return;
  for (const { type, informer } of caches.all()) {
    if (isCollected(type)) for (const object of informer.byIndex('owner', uid)) yield { type, object };
  }
}

/** Asked of the API itself: each cache lags by a time of its own, and who is overlooked here is deleted or left behind. */
export async function liveDependents(api: ApiClient, caches: Caches, owner: KubeObject): Promise<Dependent[]> {
  const { namespace, uid } = owner.metadata;
  const types = [...caches.all()].map(({ type }) => type).filter(isCollected);
  const lists = types.map(async (type) => {
    const { items } = await api.list(type, namespace === undefined ? {} : { namespace });
    const owned = items.filter(({ metadata }) => metadata.ownerReferences?.some((reference) => reference.uid === uid));
    return owned.map((object) => ({ type, object }));
  });
  return (await Promise.all(lists)).flat();
}
