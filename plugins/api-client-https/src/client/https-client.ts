/** The contract's API client over HTTPS. */
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
import type { Timers } from '@timonel/sdk';
import {
  ApiError,
  apiErrorOf,
  apiVersionOf,
  type KubeList,
  type KubeObject,
  type ResourceType,
  type Status,
} from '@timonel/sdk/kube';
import type { Caller } from './caller.ts';
import { deepFreeze, isObject } from './json.ts';
import { collectionPath, listPath, objectPath, requireNamespace, watchPath, writePath } from './paths.ts';
import { watchLines } from './watch-lines.ts';

const patchTypes: Readonly<Record<Patch['type'], string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};
/** Who applies without saying who it is: an apply must name somebody. */
const defaultManager = 'timonel';
const json = 'application/json';

export interface HttpsClientOptions {
  readonly caller: Caller;
  readonly timers: Timers;
  readonly watchLimit: number;
  readonly watchIdleTimeoutMs: number;
}

export class HttpsClient implements ApiClient {
  readonly #options: HttpsClientOptions;
  #watches = 0;

  constructor(options: HttpsClientOptions) {
    this.#options = options;
  }

  async get<T extends KubeObject>(type: ResourceType<T>, name: ObjectName): Promise<T> {
    return this.#object('GET', objectPath(type, name));
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<KubeList<T>> {
    return this.#object('GET', listPath(type, options));
  }

  async *watch<T extends KubeObject>(type: ResourceType<T>, options: ApiWatchOptions): AsyncIterable<WatchEvent<T>> {
    const { caller, watchLimit, watchIdleTimeoutMs, timers } = this.#options;
    const { signal, allowBookmarks } = options;
    if (this.#watches >= watchLimit)
      throw new ApiError('TooManyRequests', `${watchLimit} watches are open already: end some, or raise \`watches\``);
    this.#watches += 1;
    try {
      if (isAborted(signal)) return;
      const response = await caller.watch({
        method: 'GET',
        path: watchPath(type, options),
        headers: { accept: json },
        signal,
      });
      // Without bookmarks, silence is normal.
      const timeoutMs = allowBookmarks === true ? watchIdleTimeoutMs : undefined;
      for await (const line of watchLines(response, { timers, timeoutMs })) {
        if (isAborted(signal)) return;
        if (line.trim() !== '') yield eventOf<T>(line);
      }
    } catch (error) {
      if (!isAborted(signal)) throw error;
    } finally {
      this.#watches -= 1;
    }
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace, name, generateName } = object.metadata;
    requireNamespace(type, name ?? generateName ?? '', namespace);
    return this.#object('POST', writePath(collectionPath(type, namespace), options), typed(type, object));
  }

  async update<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#object('PUT', writePath(objectPath(type, nameOf(object)), options), typed(type, object));
  }

  async updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#object('PUT', writePath(objectPath(type, nameOf(object), 'status'), options), typed(type, object));
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    name: ObjectName,
    patch: Patch,
    options: WriteOptions & { readonly subresource?: string } = {},
  ): Promise<T> {
    const path = objectPath(type, name, options.subresource);
    if (patch.type !== 'apply') {
      return this.#object('PATCH', writePath(path, options), patch.body, patchTypes[patch.type]);
    }
    const { fieldManager = defaultManager } = options;
    const body = { apiVersion: apiVersionOf(type), kind: type.kind, ...patch.body };
    return this.#object('PATCH', writePath(path, { ...options, fieldManager }, patch.force), body, patchTypes.apply);
  }

  async delete<T extends KubeObject>(type: ResourceType<T>, name: ObjectName, options: DeleteOptions = {}): Promise<T> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
    const answer: KubeObject = await this.#object('DELETE', objectPath(type, name), body);
    if (answer.kind !== 'Status') return answer as T;
    // It is gone: what the server says of it is its name and uid.
    const { details } = answer as unknown as Status;
    const metadata = {
      name: name.name,
      ...(type.namespaced && name.namespace !== undefined ? { namespace: name.namespace } : {}),
      ...(details?.uid === undefined ? {} : { uid: details.uid }),
    };
    return deepFreeze({ apiVersion: apiVersionOf(type), kind: type.kind, metadata }) as unknown as T;
  }

  async getSubresource(type: ResourceType, name: ObjectName, subresource: string): Promise<KubeObject> {
    return this.#object('GET', objectPath(type, name, subresource));
  }

  async createSubresource(
    type: ResourceType,
    name: ObjectName,
    subresource: string,
    body: KubeObject,
  ): Promise<unknown> {
    return this.#object('POST', objectPath(type, name, subresource), body);
  }

  async #object<T>(method: string, path: string, body?: unknown, contentType: string = json): Promise<T> {
    const headers = { accept: json, ...(body === undefined ? {} : { 'content-type': contentType }) };
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const answer = await this.#options.caller.call({ method, path, headers, body: bytes });
    if (!answer.contentType.startsWith(json)) {
      throw new ApiError(
        'BadRequest',
        `${path} answers with ${answer.contentType || 'a stream'} in place of an object`,
      );
    }
    return deepFreeze(parse(answer.body.toString('utf8'))) as T;
  }
}

/** A call: an abort between two looks is beyond what the compiler can see. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function nameOf(object: KubeObject): ObjectName {
  return { name: object.metadata.name ?? '', namespace: object.metadata.namespace };
}

/** With apiVersion and kind, which the wire needs and callers may leave out. */
function typed(type: ResourceType, object: KubeObject): KubeObject {
  return { ...object, apiVersion: object.apiVersion ?? apiVersionOf(type), kind: object.kind ?? type.kind };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError('InternalError', 'the server answered with something that is not JSON', undefined, { cause });
  }
}

function eventOf<T>(line: string): WatchEvent<T> {
  const event = parse(line);
  if (!isObject(event) || !isObject(event['object']))
    throw new ApiError('InternalError', 'the server sent something that is no watch event');
  if (event['type'] === 'ERROR') throw apiErrorOf(event['object'] as unknown as Status);
  return deepFreeze(event) as unknown as WatchEvent<T>;
}
