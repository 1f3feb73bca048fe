import type { ApiClient } from '../contracts/api/index.ts';
import { apiVersionOf, type KubeObject, type ResourceType } from '../kube/index.ts';
import type { ControllerHost } from './host.ts';
import { Informer, type InformerOptions } from './informer.ts';

/** The informers of one plugin: asked twice for the same selection, it answers the same informer. */
export interface Informers {
  /** Made on first use, started by {@link start} (or at once when the set runs already). Indexes of later calls are added. */
  for<T extends KubeObject>(type: ResourceType<T>, options?: InformerOptions<T>): Informer<T>;
  /** The one that follows all objects of the type, if there is one. */
  find<T extends KubeObject>(type: ResourceType<T>): Informer<T> | undefined;
  start(): void;
  /** Resolves when all caches have seen a full list; rejects when the set stops before. */
  synced(): Promise<void>;
  hasSynced(): boolean;
  /** Of each resource, by its plural name: the resourceVersion up to which its cache goes. Without those that were not listed yet. */
  versions(): Readonly<Record<string, string>>;
  /** Resolves when the first list of each was answered, well or not: for a start that must not wait for an absent API. */
  tried(): Promise<void>;
  /** Lists all of them anew: see {@link Informer.relist}. Waits for ever once the set was stopped. */
  relist(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes the shared informers of a plugin. They end with the plugin's signal at the latest. */
export function informers(host: ControllerHost, api: ApiClient): Informers {
  const known = new Map<string, Informer<KubeObject>>();
  const keyOf = (type: ResourceType, ...selection: (string | undefined)[]): string =>
    JSON.stringify([apiVersionOf(type), type.resource, ...selection.map((part) => part ?? '')]);
  let running = false;
  return {
    for<T extends KubeObject>(type: ResourceType<T>, options: InformerOptions<T> = {}): Informer<T> {
      const { namespace, labelSelector, fieldSelector } = options;
      const key = keyOf(type, namespace, labelSelector, fieldSelector);
      const found = known.get(key) as Informer<T> | undefined;
      if (found !== undefined) {
        for (const [name, valuesOf] of Object.entries(options.indexes ?? {})) found.addIndex(name, valuesOf);
        return found;
      }
      const informer = new Informer<T>(host, api, type, options);
      known.set(key, informer as unknown as Informer<KubeObject>);
      if (running) informer.start();
      return informer;
    },
    find<T extends KubeObject>(type: ResourceType<T>): Informer<T> | undefined {
      return known.get(keyOf(type, undefined, undefined, undefined)) as Informer<T> | undefined;
    },
    start() {
      running = true;
      for (const informer of known.values()) informer.start();
    },
    async synced() {
      await Promise.all([...known.values()].map((informer) => informer.synced));
    },
    hasSynced: () => [...known.values()].every((informer) => informer.hasSynced),
    versions() {
      const all = [...known.values()].flatMap(({ type, resourceVersion }) =>
        resourceVersion === undefined ? [] : [[type.resource, resourceVersion] as const],
      );
      return Object.fromEntries(all);
    },
    async tried() {
      await Promise.all([...known.values()].map((informer) => informer.tried));
    },
    async relist() {
      await Promise.all([...known.values()].map((informer) => informer.relist()));
    },
    async stop() {
      await Promise.all([...known.values()].map((informer) => informer.stop()));
    },
  };
}
