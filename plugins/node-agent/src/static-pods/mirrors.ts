/** Keeps the mirrors of static pods in the API: what people and the scheduler see of them. The API being away is not an error. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isAlreadyExists, isConflict, isNotFound, pods, type Pod } from '@timonel/sdk/kube';
import { annotationKeys, fullNameOf } from './identity.ts';

export interface MirrorsParts {
  readonly api: Pick<ApiClient, 'create' | 'delete'>;
  readonly env: Env;
  readonly log: Logger;
  readonly nodeName: string;
  /** Of the Node object, which owns the mirrors. Undefined: not known yet. */
  nodeUid(): string | undefined;
  /** Those that this node works on. Undefined: not known yet. */
  statics(): readonly Pod[] | undefined;
  /** The static pod has this mirror now; undefined: none. */
  shown(staticUid: string, mirror: Pod | undefined): void;
}

export interface MirrorSteps {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
}

/** What is to be done so that each static pod has its mirror, and nobody else one. Pure. */
export function mirrorSteps(statics: readonly Pod[], mirrors: readonly Pod[]): MirrorSteps {
  const byName = new Map(statics.map((pod) => [fullNameOf(pod), pod]));
  const isRight = (mirror: Pod): boolean => {
    const hash = mirror.metadata.annotations?.[annotationKeys.mirror];
    return hash === byName.get(fullNameOf(mirror))?.metadata.uid && mirror.metadata.deletionTimestamp === undefined;
  };
  const present = new Set(mirrors.map(fullNameOf));
  return {
    create: statics.filter((pod) => !present.has(fullNameOf(pod))),
    remove: mirrors.filter((mirror) => !isRight(mirror)),
  };
}

/** Pure. */
export function mirrorOf({ metadata, spec }: Pod, nodeName: string, nodeUid: string): Pod {
  const { name = '', namespace = '', uid = '', labels, annotations } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [annotationKeys.mirror]: uid },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid, controller: true }],
    },
    spec,
  };
}

const firstRetryMs = 1000;
const longestRetryMs = 30_000;

export class Mirrors {
  readonly #parts: MirrorsParts;
  /** As the API shows them, by full name. */
  readonly #mirrors = new Map<string, Pod>();
  /** Why the last try of each failed, so that it is told once. */
  readonly #failures = new Map<string, string>();
  #isSynced = false;
  #closed = false;
  #running: Promise<void> | undefined;
  #again = false;
  #retry: TimerHandle | undefined;
  #retryMs = firstRetryMs;

  constructor(parts: MirrorsParts) {
    this.#parts = parts;
  }

  /** Uid of the static pod that this mirror stands for. */
  staticUid(mirrorUid: string): string | undefined {
    for (const { metadata } of this.#mirrors.values()) {
      if (metadata.uid === mirrorUid) return metadata.annotations?.[annotationKeys.mirror];
    }
    return undefined;
  }

  /** That which stands for the static pod now. */
  mirrorFor(pod: Pod): Pod | undefined {
    const mirror = this.#mirrors.get(fullNameOf(pod));
    return mirror?.metadata.annotations?.[annotationKeys.mirror] === pod.metadata.uid ? mirror : undefined;
  }

  seen(mirror: Pod): void {
    this.#mirrors.set(fullNameOf(mirror), mirror);
    this.#show(mirror);
    this.reconcile();
  }

  gone(mirror: Pod): void {
    const known = this.#mirrors.get(fullNameOf(mirror));
    if (known?.metadata.uid !== mirror.metadata.uid) return;
    this.#mirrors.delete(fullNameOf(mirror));
    this.#parts.shown(mirror.metadata.annotations?.[annotationKeys.mirror] ?? '', undefined);
    this.reconcile();
  }

  /** All mirrors that there are were seen. */
  synced(): void {
    this.#isSynced = true;
    this.reconcile();
  }

  /** Static pods came or went, or something changed in the API. */
  reconcile(): void {
    if (this.#closed || !this.#isSynced) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#retry?.cancel();
    this.#running = this.#carryOut().finally(() => {
      this.#running = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.reconcile();
    });
  }

  async stop(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    await this.#running;
  }

  #show(mirror: Pod): void {
    const hash = mirror.metadata.annotations?.[annotationKeys.mirror] ?? '';
    this.#parts.shown(hash, mirror.metadata.deletionTimestamp === undefined ? mirror : undefined);
  }

  async #carryOut(): Promise<void> {
    const statics = this.#parts.statics();
    if (statics === undefined) return;
    const { create, remove } = mirrorSteps(statics, [...this.#mirrors.values()]);
    const results = [
      ...(await Promise.all(remove.map((mirror) => this.#attempt(mirror, () => this.#remove(mirror))))),
      ...(await Promise.all(create.map((pod) => this.#attempt(pod, () => this.#create(pod))))),
    ];
    if (results.every(Boolean)) this.#retryMs = firstRetryMs;
    else if (!this.#closed) {
      this.#retry = this.#parts.env.timers.after(this.#retryMs, () => this.reconcile());
      this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
    }
  }

  async #attempt(pod: Pod, step: () => Promise<void>): Promise<boolean> {
    const name = fullNameOf(pod);
    try {
      await step();
      this.#failures.delete(name);
      return true;
    } catch (error) {
      const why = errorMessage(error);
      if (this.#failures.get(name) !== why)
        this.#parts.log.warn({ pod: name, error: why }, 'no mirror of a static pod, will retry');
      this.#failures.set(name, why);
      return false;
    }
  }

  async #create(pod: Pod): Promise<void> {
    const { api, nodeName } = this.#parts;
    const nodeUid = this.#parts.nodeUid();
    if (nodeUid === undefined) throw new Error(`Node ${nodeName} is not there yet`);
    try {
      this.seen(await api.create(pods, mirrorOf(pod, nodeName, nodeUid), { fieldManager: 'node-agent' }));
    } catch (error) {
      // What has the name already is on its way to us when it is of this node, and no mirror when it is not.
      if (!isAlreadyExists(error)) throw error;
      throw new Error(`there is another pod of that name`, { cause: error });
    }
  }

  async #remove(mirror: Pod): Promise<void> {
    const { name = '', namespace, uid = '' } = mirror.metadata;
    try {
      await this.#parts.api.delete(pods, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      // Gone, or another by now: either way this one is done.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.gone(mirror);
  }
}
