/** Carries the actions of `reconcile.ts` out. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Informer, OwnWrites } from '@timonel/sdk/controller';
import {
  endpoints,
  endpointSlices,
  isConflict,
  isNotFound,
  type Endpoints,
  type EndpointSlice,
  type KubeObject,
  type ResourceType,
} from '@timonel/sdk/kube';
import type { Action } from './reconcile.ts';

export interface Means {
  readonly api: ApiClient;
  readonly slices: Informer<EndpointSlice>;
  readonly legacy: Informer<Endpoints>;
  readonly fieldManager: string;
}

/** The writes of one type of object. */
function writer<T extends KubeObject>(
  means: Means,
  type: ResourceType<T>,
  informer: Informer<T>,
  key: string,
  ownWrites: OwnWrites,
) {
  const { api, fieldManager } = means;
  return {
    async create(object: T): Promise<void> {
      ownWrites.wrote(key, informer, await api.create(type, object, { fieldManager }));
    },
    async update(object: T): Promise<void> {
      ownWrites.wrote(key, informer, await api.update(type, object, { fieldManager }));
    },
    async delete(object: T): Promise<void> {
      const { namespace, name = '', uid } = object.metadata;
      ownWrites.deleted(key, informer, object);
      try {
        await api.delete(type, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } });
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) return;
        ownWrites.notDeleted(key, object);
        throw error;
      }
    },
  };
}

/** Stops at the first write that fails; the next pass begins anew. */
export async function execute(
  means: Means,
  key: string,
  actions: readonly Action[],
  ownWrites: OwnWrites,
): Promise<void> {
  const slice = writer(means, endpointSlices, means.slices, key, ownWrites);
  const legacy = writer(means, endpoints, means.legacy, key, ownWrites);
  for (const action of actions) {
    switch (action.do) {
      case 'createSlice':
        await slice.create(action.slice);
        break;
      case 'updateSlice':
        await slice.update(action.slice);
        break;
      case 'deleteSlice':
        await slice.delete(action.slice);
        break;
      case 'createEndpoints':
        await legacy.create(action.endpoints);
        break;
      case 'updateEndpoints':
        await legacy.update(action.endpoints);
        break;
      case 'deleteEndpoints':
        await legacy.delete(action.endpoints);
        break;
    }
  }
}
