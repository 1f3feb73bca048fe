/** Objects that volumes of this node are made of: watched one by one, so that the node sees no others. */
import { Informer, isApiAbsent, type ControllerHost } from '@timonel/sdk/controller';
import type { TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  configMaps,
  isNotFound,
  persistentVolumeClaims,
  secrets,
  type ConfigMap,
  type KubeObject,
  type ResourceType,
  type Secret,
} from '@timonel/sdk/kube';
import type { SourceKey } from '../checkpoint/references.ts';

/** Undefined: there is none. */
export type SeenVersion = string | undefined;

export type FollowedKind = 'configmaps' | 'secrets' | 'persistentvolumeclaims';

const types: Readonly<Record<FollowedKind, ResourceType>> = {
  configmaps: configMaps,
  secrets,
  persistentvolumeclaims: persistentVolumeClaims,
};

const pollMs = 10_000;

interface Followed {
  users: number;
  /** Undefined: it is beyond the bound, or never changes. */
  informer: Informer<KubeObject> | undefined;
}

export interface FollowedParts {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  /** Each watch is a connection. Objects beyond so many are read from time to time. */
  readonly watchLimit: number;
  /** It may have: `version` is the one that was seen, or none that there is. */
  changed(key: SourceKey, version: SeenVersion): void;
}

export class FollowedObjects {
  readonly #parts: FollowedParts;
  readonly #known = new Map<SourceKey, Followed>();
  readonly #polled = new Set<SourceKey>();
  #timer: TimerHandle | undefined;
  #polling: Promise<void> | undefined;

  constructor(parts: FollowedParts) {
    this.#parts = parts;
  }

  /** As many times as `release`. */
  follow(key: SourceKey): void {
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { users: 1, informer: this.#begin(key) });
      return;
    }
    known.users += 1;
    // It may have changed since it was read by who follows it from now on.
    const [, namespace, name] = partsOf(key);
    const { informer } = known;
    if (informer?.hasSynced === true)
      this.#parts.changed(key, informer.get(`${namespace}/${name}`)?.metadata.resourceVersion);
  }

  release(key: SourceKey): void {
    const known = this.#known.get(key);
    if (known === undefined || --known.users > 0) return;
    this.#known.delete(key);
    this.#polled.delete(key);
    void known.informer?.stop();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    const informers = [...this.#known.values()].flatMap(({ informer }) => informer ?? []);
    this.#known.clear();
    await Promise.all([this.#polling, ...informers.map((informer) => informer.stop())]);
  }

  #begin(key: SourceKey): Informer<KubeObject> | undefined {
    const { host, api, watchLimit } = this.#parts;
    const watches = [...this.#known.values()].filter(({ informer }) => informer !== undefined).length;
    if (watches >= watchLimit) {
      this.#polled.add(key);
      this.#timer ??= host.env.timers.every(pollMs, () => this.#poll());
      return undefined;
    }
    const [kind, namespace, name] = partsOf(key);
    const informer = new Informer(host, api, types[kind], { namespace, fieldSelector: `metadata.name=${name}` });
    const tell = (object: KubeObject): void => this.#seen(key, object);
    informer.addHandler({
      added: tell,
      updated: tell,
      deleted: () => this.#parts.changed(key, undefined),
    });
    informer.start();
    informer.synced.then(
      () => informer.size === 0 && this.#parts.changed(key, undefined),
      () => undefined,
    );
    return informer;
  }

  #seen(key: SourceKey, object: KubeObject): void {
    this.#parts.changed(key, object.metadata.resourceVersion);
    // Never changes again, and one that replaces it is for the pods that come later.
    if ((object as ConfigMap | Secret).immutable !== true) return;
    const known = this.#known.get(key);
    void known?.informer?.stop();
    if (known !== undefined) known.informer = undefined;
  }

  #poll(): void {
    this.#polling ??= this.#readPolled().finally(() => {
      this.#polling = undefined;
    });
  }

  /** One after the other: so the node never asks for more than one of them at a time. */
  async #readPolled(): Promise<void> {
    for (const key of this.#polled) {
      const [kind, namespace, name] = partsOf(key);
      try {
        const { metadata } = await this.#parts.api.get(types[kind], { namespace, name });
        if (this.#polled.has(key)) this.#parts.changed(key, metadata.resourceVersion);
      } catch (error) {
        if (isApiAbsent(error)) return;
        if (isNotFound(error) && this.#polled.has(key)) this.#parts.changed(key, undefined);
      }
    }
  }
}

function partsOf(key: SourceKey): [kind: FollowedKind, namespace: string, name: string] {
  return key.split('/') as [FollowedKind, string, string];
}
