/** An API server in memory for the tests of the host: lists, watches, and writes that fail or hang when told. */
import type {
  ApiClient,
  ApiWatchOptions,
  DeleteOptions,
  ObjectName,
  Patch,
  WatchEvent,
} from '@timonel/sdk/contracts/api';
import { ApiError, objectKey, type KubeObject, type Pod, type ResourceType, type Service } from '@timonel/sdk/kube';

type Key = string;

export class FakeApi {
  readonly #objects = new Map<string, Map<Key, KubeObject>>();
  readonly #events: { resource: string; event: WatchEvent<KubeObject> }[] = [];
  #wake: (() => void)[] = [];
  #version = 1;
  /** Names of pods whose bindings came, in order. */
  readonly bindings: string[] = [];
  readonly deletions: string[] = [];
  /** Uids of pods that a binding gave a node, in order. */
  readonly bound: string[] = [];
  /** Patches, bindings and deletions that were asked for. */
  writes = 0;
  /** What a binding waits for, or fails with. The binding is written only when it resolves with true. */
  onBinding: (name: string) => Promise<boolean> = () => Promise.resolve(true);
  onList: (resource: string) => Promise<void> = () => Promise.resolve();
  onPatch: (name: string) => Promise<boolean> = () => Promise.resolve(true);
  onDelete: (name: string) => Promise<void> = () => Promise.resolve();

  put(resource: string, object: KubeObject | Pod | Service): void {
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    const objects = this.#of(resource);
    const type = objects.has(objectKey(object)) ? 'MODIFIED' : 'ADDED';
    objects.set(objectKey(object), stored);
    this.#tell(resource, { type, object: stored });
  }

  remove(resource: string, key: Key): void {
    const object = this.#of(resource).get(key);
    if (object === undefined) return;
    this.#version += 1;
    this.#of(resource).delete(key);
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    this.#tell(resource, { type: 'DELETED', object: { ...object, metadata } });
  }

  pod(name: string): Pod | undefined {
    return this.#of('pods').get(`default/${name}`) as Pod | undefined;
  }

  pods(): Pod[] {
    return [...this.#of('pods').values()] as Pod[];
  }

  client(): ApiClient {
    return {
      list: async ({ resource }: ResourceType) => {
        await this.onList(resource);
        const metadata = { resourceVersion: String(this.#version) };
        return { metadata, items: [...this.#of(resource).values()] };
      },
      watch: (type: ResourceType, options: ApiWatchOptions) => this.#watch(type.resource, options),
      get: (_type: ResourceType, { name }: ObjectName) => Promise.resolve(this.#existing(name)),
      create: (_type: ResourceType, object: KubeObject) => Promise.resolve(object),
      patch: async (_type: ResourceType, { name }: ObjectName, patch: Patch) => {
        this.writes += 1;
        const { metadata } = patch.body as { metadata?: Pod['metadata'] };
        this.#checkUid(name, metadata?.uid);
        return (await this.onPatch(name)) ? this.#patch(name, patch) : this.#existing(name);
      },
      delete: async (_type: ResourceType, { name }: ObjectName, options?: DeleteOptions) => {
        this.writes += 1;
        this.deletions.push(name);
        this.#checkUid(name, options?.preconditions?.uid);
        await this.onDelete(name);
        return this.#existing(name);
      },
      createSubresource: async (_type: ResourceType, { name }: ObjectName, _sub: string, body: KubeObject) => {
        this.writes += 1;
        this.bindings.push(name);
        if (!(await this.onBinding(name))) return;
        const pod = this.#existing(name);
        const { target } = body as KubeObject & { target: { name: string } };
        this.#checkUid(name, body.metadata.uid);
        if (pod.spec.nodeName) throw new ApiError('Conflict', `pod ${name} has a node`);
        this.bound.push(pod.metadata.uid ?? '');
        this.put('pods', { ...pod, spec: { ...pod.spec, nodeName: target.name } });
      },
    } as unknown as ApiClient;
  }

  #of(resource: string): Map<Key, KubeObject> {
    const known = this.#objects.get(resource) ?? new Map<Key, KubeObject>();
    this.#objects.set(resource, known);
    return known;
  }

  #existing(name: string): Pod {
    const pod = this.pod(name);
    if (pod === undefined) throw new ApiError('NotFound', `there is no pod ${name}`);
    return pod;
  }

  #checkUid(name: string, uid: string | undefined): void {
    const pod = this.pod(name);
    if (pod !== undefined && uid !== undefined && pod.metadata.uid !== uid)
      throw new ApiError('Conflict', `pod ${name} is another one`);
  }

  #patch(name: string, { body }: Patch): Pod {
    const pod = this.#existing(name);
    const { status } = body as { status: Pod['status'] };
    const changed = { ...pod, status: { ...pod.status, ...status } };
    this.put('pods', changed);
    return this.#existing(name);
  }

  #tell(resource: string, event: WatchEvent<KubeObject>): void {
    this.#events.push({ resource, event });
    for (const wake of this.#wake.splice(0)) wake();
  }

  async *#watch(resource: string, { resourceVersion, signal }: ApiWatchOptions): AsyncIterable<WatchEvent<KubeObject>> {
    const since = Number(resourceVersion);
    let next = this.#events.findIndex(({ event }) => Number(event.object.metadata.resourceVersion) > since);
    if (next < 0) next = this.#events.length;
    signal?.addEventListener('abort', () => this.#wake.splice(0).forEach((wake) => wake()));
    for (;;) {
      if (signal?.aborted) return;
      const entry = this.#events[next];
      if (entry === undefined) await new Promise<void>((resolve) => this.#wake.push(resolve));
      else {
        next += 1;
        if (entry.resource === resource) yield entry.event;
      }
    }
  }
}
