/** The API client of this process: the registry's own path without HTTP and JSON. */
import type {
  ApiClient,
  ApiWatchOptions,
  DeleteOptions,
  ListOptions,
  ObjectName,
  Patch,
  WatchEvent,
  WriteOptions,
} from '@timonel/sdk/contracts/api';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError, type KubeList, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import type { WatcherItem } from '../cache/watcher.ts';
import { copyJson, deepFreeze, type JsonObject } from '../json/plain-json.ts';
import type { Kind, KindTable } from '../kinds/kind-table.ts';
import { checkConfig } from '../patch/apply/check-config.ts';
import { asApiError, badRequest } from '../registry/api-errors.ts';
import { objectShapeCheck } from '../registry/shape-check.ts';
import { applyPatch, type Registry } from '../registry/registry.ts';
import type { Target } from '../registry/request.ts';
import { callSubresource } from '../registry/subresource-call.ts';
import type { UnstoredReader } from '../registry/unstored-reader.ts';

/** Who writes without saying who it is. */
const defaultManager = 'timonel';

const user: UserInfo = Object.freeze({
  username: 'system:timonel',
  uid: '',
  groups: Object.freeze(['system:masters', 'system:authenticated']),
  extra: Object.freeze({}),
});

async function guarded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asApiError(error);
  }
}

interface InProcessParts {
  readonly registry: Registry;
  readonly kinds: KindTable;
  readonly unstored: UnstoredReader;
  readonly signal: AbortSignal;
  readonly caller: () => string | undefined;
}

export class InProcessClient implements ApiClient {
  readonly #registry: Registry;
  readonly #kinds: KindTable;
  readonly #unstored: UnstoredReader;
  /** Ends what is still running when the server stops. */
  readonly #signal: AbortSignal;
  /** The plugin that calls: to be asked before anything is waited for. */
  readonly #caller: () => string | undefined;

  constructor(parts: InProcessParts) {
    this.#caller = parts.caller;
    this.#unstored = parts.unstored;
    this.#registry = parts.registry;
    this.#kinds = parts.kinds;
    this.#signal = parts.signal;
  }

  async get<T extends KubeObject>(type: ResourceType<T>, name: ObjectName): Promise<T> {
    const { kind, namespace } = this.#target(type, name);
    if (kind.definition.listed !== undefined) {
      return deepFreeze(await guarded(this.#unstored.get(kind, namespace, name.name))) as T;
    }
    return (await guarded(this.#registry.reader.get(kind, namespace, name.name))).object as T;
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<KubeList<T>> {
    const kind = this.#kind(type);
    if (kind.definition.listed !== undefined) {
      return deepFreeze(await guarded(this.#unstored.list(kind, options))) as KubeList<T>;
    }
    const result = await guarded(this.#registry.reader.list(kind, options));
    return {
      kind: `${kind.definition.kind}List`,
      apiVersion: kind.apiVersion,
      metadata: {
        resourceVersion: String(result.revision),
        ...(result.continue === undefined ? {} : { continue: result.continue }),
        ...(result.remaining === undefined ? {} : { remainingItemCount: result.remaining }),
      },
      items: result.items.map((stored) => stored.object as T),
    };
  }

  async *watch<T extends KubeObject>(type: ResourceType<T>, options: ApiWatchOptions): AsyncIterable<WatchEvent<T>> {
    const kind = this.#kind(type);
    const watcher = await guarded(this.#registry.reader.watch(kind, options));
    const end = (): void => watcher.end('ended');
    options.signal?.addEventListener('abort', end, { once: true });
    try {
      if (options.signal?.aborted === true) return; // it may have been before the listener
      for (;;) {
        const items = await watcher.take();
        if (items === undefined) break;
        for (const item of items) yield eventOf<T>(kind, item);
      }
      if (watcher.ended === 'expired') throw new ApiError('Expired', 'the watch lost its place: list again');
    } finally {
      options.signal?.removeEventListener('abort', end);
      end();
    }
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const kind = this.#kind(type);
    const namespace = kind.definition.namespaced ? object.metadata.namespace : undefined;
    const { dryRun = false, fieldManager: manager = defaultManager } = options;
    const target = { kind, namespace, user, plugin: this.#caller(), manager, dryRun };
    return (await guarded(this.#registry.create(target, copyJson(object)))).object as T;
  }

  async update<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#replace(type, object, '', options);
  }

  async updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#replace(type, object, 'status', options);
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    name: ObjectName,
    patch: Patch,
    options: WriteOptions & { readonly subresource?: string } = {},
  ): Promise<T> {
    const target = this.#target(type, name, options);
    const subresource = options.subresource ?? '';
    const parts = target.kind.definition.parts ?? {};
    if (subresource === 'scale' && patch.type !== 'apply') {
      const change = (scale: JsonObject): unknown => applyPatch(scale, patch, target);
      return (await guarded(this.#registry.updateScale(target, change))) as T;
    }
    if (subresource !== '' && subresource !== 'status' && !Object.hasOwn(parts, subresource)) {
      throw badRequest(`the subresource "${subresource}" cannot be patched`);
    }
    if (patch.type === 'apply') return this.#apply(target, subresource, patch);
    const check = objectShapeCheck('Ignore', () => undefined);
    return (await guarded(this.#registry.patch(target, subresource, patch, check))).object as T;
  }

  async delete<T extends KubeObject>(type: ResourceType<T>, name: ObjectName, options: DeleteOptions = {}): Promise<T> {
    return (await guarded(this.#registry.delete(this.#target(type, name), options))).object as T;
  }

  async getSubresource(type: ResourceType, name: ObjectName, subresource: string): Promise<KubeObject> {
    const target = this.#target(type, name);
    const { subresources } = target.kind.definition;
    if (subresource === 'scale' && !Object.hasOwn(subresources, subresource)) {
      return deepFreeze(await guarded(this.#registry.getScale(target)));
    }
    return (await this.#call(target, 'GET', subresource)) as KubeObject;
  }

  async createSubresource(
    type: ResourceType,
    name: ObjectName,
    subresource: string,
    body: KubeObject,
  ): Promise<unknown> {
    return this.#call(this.#target(type, name), 'POST', subresource, copyJson(body));
  }

  async #call(target: Target, method: 'GET' | 'POST', subresource: string, body?: unknown): Promise<unknown> {
    const query = new URLSearchParams();
    const call = { subresource, method, query, body, signal: this.#signal };
    const response = await guarded(callSubresource(this.#registry, target, call));
    if (response.kind === 'object') return response.object;
    throw badRequest(`the subresource "${subresource}" answers with a stream: use the HTTP API`);
  }

  async #apply<T extends KubeObject>(
    target: Target,
    subresource: string,
    { body, force = false }: Extract<Patch, { type: 'apply' }>,
  ): Promise<T> {
    const { apiVersion, definition } = target.kind;
    const config = { apiVersion, kind: definition.kind, ...copyJson(body) };
    checkConfig(config, target.kind);
    const { written } = await guarded(this.#registry.apply(target, { subresource, config, force }));
    return written.object as T;
  }

  async #replace<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    subresource: '' | 'status',
    options: WriteOptions,
  ): Promise<T> {
    const { name, namespace } = object.metadata;
    const target = this.#target(type, { name: name ?? '', namespace }, options);
    return (await guarded(this.#registry.update(target, subresource, object))).object as T;
  }

  #kind(type: ResourceType): Kind {
    const kind = this.#kinds.find(type.group, type.version, type.resource);
    if (kind !== undefined) return kind;
    this.#registry.reader.checkKindsAreKnown();
    const group = type.group === '' ? 'core' : type.group;
    throw new ApiError('NotFound', `no plugin serves the resource ${type.resource} of ${group}/${type.version}`);
  }

  #target(type: ResourceType, name: ObjectName, options: WriteOptions = {}): Target {
    const kind = this.#kind(type);
    const namespace = kind.definition.namespaced ? name.namespace : undefined;
    if (kind.definition.namespaced && namespace === undefined) {
      throw badRequest(`a namespace is required for ${kind.qualifiedResource} "${name.name}"`);
    }
    const { dryRun = false, fieldManager: manager = defaultManager } = options;
    return { kind, namespace, name: name.name, user, plugin: this.#caller(), manager, dryRun };
  }
}

function eventOf<T extends KubeObject>(kind: Kind, item: WatcherItem): WatchEvent<T> {
  if (item.type !== 'BOOKMARK') return { type: item.type, object: item.stored.object as T };
  const bookmark: KubeObject = {
    kind: kind.definition.kind,
    apiVersion: kind.apiVersion,
    metadata: { resourceVersion: String(item.revision) },
  };
  return { type: 'BOOKMARK', object: deepFreeze(bookmark) as T };
}
