/**
 * The API client: how every part of the cluster reads and writes objects, whether the API server is in the same process or
 * behind HTTPS. Objects that come out of it are shared and frozen: copy before changing (`structuredClone`).
 * Failures are `ApiError` of `@timonel/sdk/kube`.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { KubeList, KubeObject, ResourceType } from '../../kube/index.ts';

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  /** Query form: `app=web,tier in (a,b)`. */
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  /** `0`: whatever the server has at hand; absent: linearizable. */
  readonly resourceVersion?: string;
}

export interface ApiWatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Where to begin: the resourceVersion of a list or of the last event. Absent: current state as ADDED events, then changes. */
  readonly resourceVersion?: string;
  readonly allowBookmarks?: boolean;
  /** Ends the watch. */
  readonly signal?: AbortSignal;
}

/** `ERROR` never reaches the consumer: it is thrown as ApiError (410 Expired: list again). */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  /** For BOOKMARK only metadata.resourceVersion is set. */
  readonly object: T;
}

export interface WriteOptions {
  readonly dryRun?: boolean;
  /** Who writes, for managedFields and audit: the plugin's name. */
  readonly fieldManager?: string;
}

export type Patch =
  | { readonly type: 'merge'; readonly body: unknown }
  | { readonly type: 'strategic'; readonly body: unknown }
  | { readonly type: 'json'; readonly body: readonly { op: string; path: string; from?: string; value?: unknown }[] }
  /**
   * Server-side apply: `body` is what `fieldManager` wants of the object, and no more. Creates what is not there. Refused with
   * Conflict when fields would change that others own, unless `force` takes them.
   */
  | { readonly type: 'apply'; readonly body: KubeObject; readonly force?: boolean };

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** Names one object. `namespace` is left out for cluster-scoped types. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ApiClient {
  get<T extends KubeObject>(type: ResourceType<T>, name: ObjectName): Promise<T>;
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<KubeList<T>>;
  /** Synchronous; failures arrive through the iteration. Ends when the server ends it, which is normal: watch again from the last version. */
  watch<T extends KubeObject>(type: ResourceType<T>, options: ApiWatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces. With metadata.resourceVersion set: only when nobody wrote since (409 Conflict otherwise). */
  update<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces the status, and nothing else. */
  updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    type: ResourceType<T>,
    name: ObjectName,
    patch: Patch,
    options?: WriteOptions & { readonly subresource?: string },
  ): Promise<T>;
  /** Resolves with the object as it is after the call: marked as being deleted, or gone: then at least its name, namespace and uid. */
  delete<T extends KubeObject>(type: ResourceType<T>, name: ObjectName, options?: DeleteOptions): Promise<T>;
  /** GET of a subresource that answers with an object: `scale`. */
  getSubresource(type: ResourceType, name: ObjectName, subresource: string): Promise<KubeObject>;
  /** POST to a subresource, for example `binding`. */
  createSubresource(type: ResourceType, name: ObjectName, subresource: string, body: KubeObject): Promise<unknown>;
}

/** Token of the API client. */
export const apiClient: ServiceToken<ApiClient, 'one'> = defineService<ApiClient>('api', {
  major: 1,
  cardinality: 'one',
  sync: ['watch'],
});
