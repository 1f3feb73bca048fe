/** Whether owners exist: by the caches if they show them, else by asking the API itself. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isNotFound, type ApiError, type KubeObject, type OwnerReference, type ResourceType } from '@timonel/sdk/kube';
import type { Caches } from './caches.ts';
import { typeId } from './kinds.ts';
import { isLeaving, type OwnerState } from './reconcile.ts';

/** A uid that is gone never comes back; so many are remembered, to ask once for the thousand pods of one replica set. */
const absentLimit = 1000;

export class Owners {
  readonly #api: ApiClient;
  readonly #caches: Caches;
  readonly #absent = new Set<string>();

  constructor(api: ApiClient, caches: Caches) {
    this.#api = api;
    this.#caches = caches;
  }

  async state(object: KubeObject, reference: OwnerReference): Promise<OwnerState> {
    const type = this.#caches.typeOfReference(reference);
    if (type === undefined) return 'unknown';
    const namespace = type.namespaced ? object.metadata.namespace : undefined;
    const key = namespace === undefined ? reference.name : `${namespace}/${reference.name}`;
    const cached = this.#caches.get(type)?.get(key);
    // The cache may not show yet that it leaves: then its next event tells.
    if (cached?.metadata.uid === reference.uid) return isLeaving(cached) ? 'leaving' : 'present';
    const memory = `${typeId(type)}:${key}:${reference.uid}`;
    if (this.#absent.has(memory)) return 'absent';
    // The cache may lag behind a new owner: only the API may say that it is gone.
    if ((await this.#liveUid(type, namespace, reference.name)) === reference.uid) return 'present';
    this.#remember(memory);
    return 'absent';
  }

  async #liveUid(type: ResourceType, namespace: string | undefined, name: string): Promise<string | undefined> {
    try {
      return (await this.#api.get(type, { namespace, name })).metadata.uid;
    } catch (error) {
      // A server that does not serve the type (yet) knows nothing of the object.
      if (isNotFound(error) && (isAboutObject(error) || this.#caches.isGone(type))) return undefined;
      throw error;
    }
  }

  #remember(memory: string): void {
    this.#absent.add(memory);
    if (this.#absent.size <= absentLimit) return;
    const { value: oldest, done } = this.#absent.values().next();
    if (done !== true) this.#absent.delete(oldest);
  }
}

function isAboutObject(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'status' in error &&
    (error as ApiError).status.details?.name !== undefined
  );
}
