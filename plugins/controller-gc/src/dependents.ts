/** What objects own: by the caches, and by the API itself. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Informer } from '@timonel/sdk/controller';
import type { KubeObject, ResourceType } from '@timonel/sdk/kube';
import { collectedTypes, typeId } from './kinds.ts';

export interface Dependent {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

export function* cachedDependents(
  caches: ReadonlyMap<string, Informer<KubeObject>>,
  uid: string | undefined,
): Iterable<Dependent> {
  if (uid === undefined) return;
  for (const type of collectedTypes) {
    for (const object of caches.get(typeId(type))?.byIndex('owner', uid) ?? []) yield { type, object };
  }
}

/** Asked of the API itself: each cache lags by a time of its own, and who is overlooked here is deleted or left behind. */
export async function liveDependents(api: ApiClient, owner: KubeObject): Promise<Dependent[]> {
  const { namespace, uid } = owner.metadata;
  const lists = collectedTypes.map(async (type) => {
    const { items } = await api.list(type, namespace === undefined ? {} : { namespace });
    const owned = items.filter(({ metadata }) => metadata.ownerReferences?.some((reference) => reference.uid === uid));
    return owned.map((object) => ({ type, object }));
  });
  return (await Promise.all(lists)).flat();
}
