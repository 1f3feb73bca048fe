/**
 * Keeps a controller from acting on a cache that does not show its own writes yet, which would create or delete twice.
 *
 * Kubernetes' replica set controller counts the events it expects ("expectations"), which goes wrong when events are merged or
 * missed and therefore needs a time-out. Versions need neither: the store has one growing revision, so a write that was answered
 * with resourceVersion R is visible in every cache that has seen R, even if the object has changed or gone since. Therefore:
 *
 * - after a create or update: remember the highest resourceVersion for the key, and hold the key back until the informer has
 *   seen it (by event, bookmark or relist); then the key is queued again;
 * - after a delete: the answer need not carry a version, but the object was in the cache when it was chosen, so the cache
 *   itself tells: the key is held back while the cache shows that uid alive. Its removal is an event, which queues the key.
 *
 * Bounded by the keys being worked on: an entry goes as soon as it is settled. Nothing is kept over a restart, since a new
 * informer begins with a linearizable list.
 */
import { objectKey, type KubeObject } from '../kube/index.ts';
import type { Informer } from './informer.ts';
import { compareResourceVersions } from './resource-version.ts';

// Entries of informers of several types live side by side; only methods that do not depend on the type are called.
type AnyInformer = Pick<Informer<KubeObject>, 'hasSeen' | 'whenSeen' | 'get'>;

interface Pending {
  readonly versions: Map<AnyInformer, string>;
  /** Informers that will queue the key again. */
  readonly awaited: Set<AnyInformer>;
  readonly deleted: Map<string, { readonly informer: AnyInformer; readonly key: string }>;
}

/** See the head of this file. */
export class OwnWrites {
  readonly #pending = new Map<string, Pending>();
  readonly #requeue: (key: string) => void;

  /** `requeue` is called with each key that was held back and may go on. */
  constructor(requeue: (key: string) => void) {
    this.#requeue = requeue;
  }

  /** Keys with writes that a cache has not shown yet. */
  get size(): number {
    return this.#pending.size;
  }

  /** Remembers a create or update on behalf of `key`: `answer` is what the API answered. */
  wrote<T extends KubeObject>(key: string, informer: Informer<T>, answer: T): void {
    const version = answer.metadata.resourceVersion;
    const cache = informer as unknown as AnyInformer;
    if (version === undefined || cache.hasSeen(version)) return;
    const pending = this.#of(key);
    if (compareResourceVersions(pending.versions.get(cache), version) < 0) pending.versions.set(cache, version);
  }

  /** Remembers a deletion on behalf of `key`: `object` is the object as the cache showed it. Call it before the deletion. */
  deleted<T extends KubeObject>(key: string, informer: Informer<T>, object: T): void {
    const { uid } = object.metadata;
    if (uid === undefined) return;
    this.#of(key).deleted.set(uid, { informer, key: objectKey(object) });
  }

  /** The deletion failed: nothing to wait for. */
  notDeleted(key: string, object: KubeObject): void {
    this.#pending.get(key)?.deleted.delete(object.metadata.uid ?? '');
  }

  /** Whether all caches show all writes made for the key. If not, the key is queued again when they do. */
  settled(key: string): boolean {
    const pending = this.#pending.get(key);
    if (pending === undefined) return true;
    for (const [uid, { informer, key: objectAt }] of pending.deleted) {
      const metadata = informer.get(objectAt)?.metadata;
      if (metadata?.uid !== uid || metadata.deletionTimestamp !== undefined) pending.deleted.delete(uid);
    }
    for (const [informer, version] of pending.versions) {
      if (informer.hasSeen(version)) pending.versions.delete(informer);
      else void this.#requeueWhenSeen(key, pending, informer, version);
    }
    if (pending.versions.size > 0 || pending.deleted.size > 0) return false;
    this.#pending.delete(key);
    return true;
  }

  async #requeueWhenSeen(key: string, pending: Pending, informer: AnyInformer, version: string): Promise<void> {
    if (pending.awaited.has(informer)) return;
    pending.awaited.add(informer);
    await informer.whenSeen(version);
    pending.awaited.delete(informer);
    this.#requeue(key);
  }

  #of(key: string): Pending {
    const found = this.#pending.get(key);
    if (found !== undefined) return found;
    const pending: Pending = { versions: new Map(), awaited: new Set(), deleted: new Map() };
    this.#pending.set(key, pending);
    return pending;
  }
}
