/** Carries out what was planned. Every write is fenced by the version the plan was made of. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { release } from '@timonel/sdk/controller';
import { foregroundFinalizer, orphanFinalizer, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { collectedTypes } from './kinds.ts';
import { blocks, type Action } from './reconcile.ts';

interface Dependent {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

/** Asked of the API itself: each cache lags by a time of its own, and who is overlooked here is deleted or left behind. */
async function liveDependents(api: ApiClient, owner: KubeObject): Promise<Dependent[]> {
  const { namespace, uid } = owner.metadata;
  const lists = collectedTypes.map(async (type) => {
    const { items } = await api.list(type, namespace === undefined ? {} : { namespace });
    const owned = items.filter(({ metadata }) => metadata.ownerReferences?.some((reference) => reference.uid === uid));
    return owned.map((object) => ({ type, object }));
  });
  return (await Promise.all(lists)).flat();
}

async function dropFinalizer(
  api: ApiClient,
  type: ResourceType,
  object: KubeObject,
  finalizer: string,
): Promise<KubeObject> {
  const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  return api.update(type, { ...object, metadata: { ...object.metadata, finalizers } });
}

/** The object as written; undefined when nothing was, or when it was deleted. @throws ApiError Conflict, NotFound … */
export async function execute(
  api: ApiClient,
  type: ResourceType,
  object: KubeObject,
  action: Action,
): Promise<KubeObject | undefined> {
  const { namespace, name = '', uid, resourceVersion } = object.metadata;
  switch (action.do) {
    case 'dropReferences':
      return api.update(type, { ...object, metadata: { ...object.metadata, ownerReferences: [...action.keep] } });
    case 'orphanDependents':
      for (const dependent of await liveDependents(api, object)) {
        await release(api, dependent.type, dependent.object, object);
      }
      return dropFinalizer(api, type, object, orphanFinalizer);
    case 'release': {
      const dependents = await liveDependents(api, object);
      // Its event will bring the owner here again.
      if (dependents.some((dependent) => blocks(dependent.object, uid))) return undefined;
      return dropFinalizer(api, type, object, foregroundFinalizer);
    }
    case 'delete': {
      // The version too: somebody may have adopted it meanwhile.
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      await api.delete(type, { namespace, name }, { preconditions, propagationPolicy: action.propagationPolicy });
      return undefined;
    }
  }
}
