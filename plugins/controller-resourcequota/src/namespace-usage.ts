/** Caches of the kinds that quotas count, followed from the first quota on that counts them. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  byNamespace,
  compareResourceVersions,
  type Informer,
  type Informers,
  type KeySource,
} from '@timonel/sdk/controller';
import { objectKey, type KubeObject, type ResourceQuota, type ResourceType } from '@timonel/sdk/kube';
import { evaluatorOf, inScope, namesOf, podOverdueAtMs, sameUsage, usageIn, type Evaluator } from '@timonel/sdk/quota';
import type { CustomTypes } from './custom-types.ts';
import type { Counted, Shown } from './reconcile.ts';
import { shownBy } from './shown-by.ts';

/** Many objects that change together are counted once. */
const gatherMs = 20;
/** Of one quota between two passes. What is beyond is found when the quota has settled. */
const beforeLimit = 10_000;

interface Seen {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

export interface Parts {
  readonly caches: Informers;
  readonly custom: Pick<CustomTypes, 'cacheOf' | 'onChange'>;
  readonly quotas: Informer<ResourceQuota>;
  readonly env: Env;
  readonly api: ApiClient;
}

export class NamespaceUsage implements KeySource {
  readonly #parts: Parts;
  readonly #followed = new Map<ResourceType, Informer<KubeObject>>();
  readonly #before = new Map<string, Map<string, Seen>>();
  readonly #memos = new Map<string, { readonly spec: string; readonly memo: WeakMap<KubeObject, Counted | 'not'> }>();
  /** Up to which version the last count of a quota knew what had come and gone. */
  readonly #settled = new Map<string, Shown>();
  readonly #changed = new Set<string>();
  #add: ((key: string) => void) | undefined;
  #gathering = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.custom.onChange = (name, gone) => {
      if (gone !== undefined) this.#followed.delete(gone);
      for (const quota of parts.quotas.list()) if (quota.spec?.hard?.[name] !== undefined) this.#touch(quota);
    };
  }

  connect(add: (key: string) => void): () => void {
    this.#add = add;
    return () => {
      this.#add = undefined;
    };
  }

  all(): readonly string[] {
    return [];
  }

  /** The cache of the type, once it is complete. */
  async cacheOf(type: ResourceType): Promise<Informer<KubeObject>> {
    let cache = this.#followed.get(type);
    if (cache === undefined) {
      const { custom, caches } = this.#parts;
      cache = custom.cacheOf(type) ?? caches.for(type, { indexes: { namespace: byNamespace } });
      this.#followed.set(type, cache);
      this.#watch(type, cache);
    }
    if (!cache.hasSynced) await cache.synced;
    return cache;
  }

  /** What counts in the quota now, and when something stops to count by itself. */
  async count(
    quota: ResourceQuota,
    types: readonly ResourceType[],
    nowMs: number,
  ): Promise<{ readonly counted: ReadonlyMap<string, Counted>; readonly nextMs: number | undefined }> {
    const counted = new Map<string, Counted>();
    const memo = this.#memoOf(quota);
    let nextMs: number | undefined;
    const caches = await Promise.all(types.map((type) => this.cacheOf(type)));
    for (const [index, type] of types.entries()) {
      const evaluator = evaluatorOf(type);
      const names = namesOf(quota.spec?.hard, evaluator);
      for (const object of caches[index]?.byIndex('namespace', byNamespace(quota)) ?? []) {
        const found = memo.get(object) ?? this.#countOne(quota, type, object, evaluator, names, nowMs);
        // What is being deleted stops to count by time.
        if (object.metadata.deletionTimestamp === undefined) memo.set(object, found);
        if (found === 'not') continue;
        counted.set(object.metadata.uid ?? '', found);
        const overdueMs = type.resource === 'pods' ? podOverdueAtMs(object) : undefined;
        if (overdueMs !== undefined && overdueMs >= nowMs) nextMs = Math.min(nextMs ?? overdueMs, overdueMs);
      }
    }
    return { counted, nextMs };
  }

  #countOne(
    quota: ResourceQuota,
    type: ResourceType,
    object: KubeObject,
    evaluator: Evaluator,
    names: readonly string[],
    nowMs: number,
  ): Counted | 'not' {
    const usage = usageIn(quota, evaluator, object, names, nowMs);
    return usage === undefined ? 'not' : { name: `${type.resource}/${object.metadata.name ?? ''}`, usage };
  }

  /** What objects counted for by the same spec: thousands that have not changed are not looked at again. */
  #memoOf(quota: ResourceQuota): WeakMap<KubeObject, Counted | 'not'> {
    const spec = JSON.stringify(quota.spec);
    const known = this.#memos.get(objectKey(quota));
    if (known?.spec === spec) return known.memo;
    const memo = new WeakMap<KubeObject, Counted | 'not'>();
    this.#memos.set(objectKey(quota), { spec, memo });
    return memo;
  }

  /** Up to which versions the caches show what the API does in the quota's namespace. Undefined: they do not. @throws ApiError */
  async shown(
    { metadata: { namespace = '' } }: ResourceQuota,
    types: readonly ResourceType[],
  ): Promise<Shown | undefined> {
    const { api, env } = this.#parts;
    const each = types.map(async (type) => shownBy(await this.cacheOf(type), { api, env, namespace }));
    const versions = (await Promise.all(each)).map((version, index) => [types[index], version] as const);
    return versions.every(isShown) ? new Map(versions) : undefined;
  }

  /** What has changed, come or gone since it was {@link forget forgotten}, as it counted first. */
  before(quota: ResourceQuota, nowMs: number): ReadonlyMap<string, Counted> {
    const found = new Map<string, Counted>();
    const settled = this.#settled.get(objectKey(quota));
    for (const [uid, { type, object }] of this.#before.get(objectKey(quota)) ?? []) {
      // It came and went before the last count, and the cache shows it late: it is taken off already.
      if (compareResourceVersions(object.metadata.resourceVersion, settled?.get(type) ?? '') <= 0) continue;
      const evaluator = evaluatorOf(type);
      const usage = usageIn(quota, evaluator, object, namesOf(quota.spec?.hard, evaluator), nowMs);
      if (usage !== undefined) found.set(uid, { name: `${type.resource}/${object.metadata.name ?? ''}`, usage });
    }
    return found;
  }

  forget(quotaKey: string, uids: Iterable<string>): void {
    const before = this.#before.get(quotaKey);
    if (before === undefined) return;
    for (const uid of uids) before.delete(uid);
    if (before.size === 0) this.#before.delete(quotaKey);
  }

  /** The quota's status was written by what the caches show up to these versions. */
  settle(quotaKey: string, shown: Shown): void {
    this.#settled.set(quotaKey, shown);
  }

  forgetAll(quotaKey?: string): void {
    if (quotaKey === undefined) {
      this.#before.clear();
      this.#settled.clear();
    } else {
      this.#before.delete(quotaKey);
      this.#settled.delete(quotaKey);
      this.#memos.delete(quotaKey);
    }
  }

  #quotasFor(type: ResourceType, object: KubeObject): readonly ResourceQuota[] {
    const evaluator = evaluatorOf(type);
    return this.#parts.quotas
      .byIndex('namespace', byNamespace(object))
      .filter(({ spec }) => namesOf(spec?.hard, evaluator).length > 0);
  }

  #watch(type: ResourceType, cache: Informer<KubeObject>): void {
    const evaluator = evaluatorOf(type);
    const note = (object: KubeObject): void => {
      for (const quota of this.#quotasFor(type, object)) this.#note(quota, { type, object });
    };
    cache.addHandler({
      added: note,
      updated: (object, old) => {
        const nowMs = this.#parts.env.clock.now();
        for (const quota of this.#quotasFor(type, object)) {
          if (matters(quota, evaluator, old, object, nowMs)) this.#note(quota, { type, object: old });
        }
      },
      deleted: note,
    });
  }

  #note(quota: ResourceQuota, seen: Seen): void {
    const key = objectKey(quota);
    const before = this.#before.get(key) ?? new Map<string, Seen>();
    const uid = seen.object.metadata.uid ?? '';
    if (before.size < beforeLimit && !before.has(uid)) before.set(uid, seen);
    this.#before.set(key, before);
    this.#touch(quota);
  }

  #touch(quota: ResourceQuota): void {
    this.#changed.add(objectKey(quota));
    if (this.#gathering) return;
    this.#gathering = true;
    this.#parts.env.timers.after(gatherMs, () => {
      this.#gathering = false;
      const keys = [...this.#changed];
      this.#changed.clear();
      for (const key of keys) this.#add?.(key);
    });
  }
}

function isShown(
  pair: readonly [ResourceType | undefined, string | undefined],
): pair is readonly [ResourceType, string] {
  return pair[1] !== undefined;
}

function matters(
  quota: ResourceQuota,
  evaluator: Evaluator,
  old: KubeObject,
  object: KubeObject,
  nowMs: number,
): boolean {
  if (old.metadata.deletionTimestamp !== object.metadata.deletionTimestamp) return true;
  if (inScope(quota, evaluator, old) !== inScope(quota, evaluator, object)) return true;
  return !sameUsage(evaluator.usage(old, nowMs), evaluator.usage(object, nowMs));
}
