/** Pods that come at a steady rate and are followed by a watch: which got a node, how often, and which never did. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { nodes, pods, type Pod } from '@timonel/sdk/kube';
import { until } from './until.ts';

const namespace = 'default';
const tickMs = 10;
/** Creations under way at once: when the cluster is slower than wanted, pods come as fast as it takes them. */
const createsAtOnce = 256;

export interface LoadOptions {
  readonly perSecond: number;
  /** Bound pods that stay; of more, the oldest are deleted. */
  readonly keep: number;
  /** While so many pods wait for a node, none comes. Default: there is no limit. */
  readonly waitingAtMost?: number;
  /** Of the pods' names, for several loads on one cluster. */
  readonly prefix?: string;
}

/** What the watch has shown of one pod. */
interface Followed {
  readonly name: string;
  /** Every value of spec.nodeName in order of its appearance. */
  readonly nodes: string[];
  deletedByUs: boolean;
  gone: boolean;
}

export interface LoadAccount {
  readonly created: number;
  readonly perSecond: number;
  /** Pods that never got a node, or went without being told to. */
  readonly lost: readonly string[];
  /** Pods that were seen on more than one node. */
  readonly boundTwice: readonly string[];
}

export async function makeFakeNodes(api: ApiClient, count: number): Promise<void> {
  const allocatable = { cpu: '64', memory: '256Gi', pods: '1000' };
  for (let n = 0; n < count; n += 1) {
    const made = await api.create(nodes, { metadata: { name: `node-${n}` }, spec: {} });
    await api.updateStatus(nodes, { ...structuredClone(made), status: { capacity: allocatable, allocatable } });
  }
}

export class SchedulerLoad {
  readonly #api: ApiClient;
  readonly #options: LoadOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #kept: string[] = [];
  readonly #watching = new AbortController();
  readonly #work = new Set<Promise<unknown>>();
  #watch: Promise<void> | undefined;
  #ticks: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #endedMs = 0;
  #created = 0;
  #creating = 0;
  #bound = 0;
  #fault: unknown;

  constructor(api: ApiClient, options: LoadOptions) {
    this.#api = api;
    this.#options = options;
  }

  /** Pods that have got a node. */
  get bound(): number {
    return this.#bound;
  }

  get created(): number {
    return this.#created;
  }

  /** Uids of all pods with the first node of each. */
  placements(): Map<string, string | undefined> {
    return new Map(
      [...this.#followed].map(
        ([
          uid,
          {
            nodes: [first],
          },
        ]) => [uid, first],
      ),
    );
  }

  async start(): Promise<void> {
    const { metadata } = await this.#api.list(pods, { namespace });
    this.#watch = this.#follow(metadata?.resourceVersion ?? '').catch((error: unknown) => {
      this.#fault ??= error;
    });
    this.#startedMs = performance.now();
    this.#ticks = setInterval(() => this.#tick(), tickMs);
  }

  /** Waits for this many further pods to be bound. */
  async progress(count: number): Promise<void> {
    const goal = this.#bound + count;
    await until(() => this.#check() || this.#bound >= goal, {
      what: () => `${goal} of ${this.#created} pods to be bound; ${this.#bound} are`,
      intervalMs: 2,
    });
  }

  /** No pod comes any more: waits for the last ones and gives account. */
  async end(): Promise<LoadAccount> {
    this.#stopCreating();
    await Promise.all(this.#work);
    try {
      await until(() => this.#check() || this.#bound >= this.#created, { what: 'all pods to be bound' });
    } catch (error) {
      if (this.#fault !== undefined) throw error;
    }
    return this.account();
  }

  account(): LoadAccount {
    const all = [...this.#followed.values()];
    const isLost = ({ nodes: { length }, gone, deletedByUs }: Followed): boolean =>
      length === 0 || (gone && !deletedByUs);
    const unseen = Array.from({ length: this.#created - all.length }, () => '(never seen)');
    return {
      created: this.#created,
      perSecond: (this.#created / (this.#endedMs - this.#startedMs)) * 1000,
      lost: [...all.filter(isLost).map(({ name }) => name), ...unseen],
      boundTwice: all
        .filter((pod) => pod.nodes.length > 1)
        .map(({ name, nodes: seen }) => `${name}: ${seen.join(', ')}`),
    };
  }

  /** Ends the watch too. */
  async close(): Promise<void> {
    this.#stopCreating();
    this.#watching.abort();
    await this.#watch;
    await Promise.all(this.#work);
  }

  #stopCreating(): void {
    if (this.#ticks === undefined) return;
    clearInterval(this.#ticks);
    this.#ticks = undefined;
    this.#endedMs = performance.now();
  }

  #check(): false {
    if (this.#fault !== undefined) throw new Error('the load has failed', { cause: this.#fault });
    return false;
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#startedMs) / 1000) * this.#options.perSecond);
    const { waitingAtMost = Number.POSITIVE_INFINITY } = this.#options;
    while (this.#created < due && this.#creating < createsAtOnce && this.#created - this.#bound < waitingAtMost) {
      this.#created += 1;
      this.#creating += 1;
      this.#do(this.#create(`${this.#options.prefix ?? 'load'}-${this.#created}`).finally(() => (this.#creating -= 1)));
    }
  }

  #do(work: Promise<unknown>): void {
    const done: Promise<unknown> = work
      .catch((error: unknown) => {
        this.#fault ??= error;
      })
      .finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  async #create(name: string): Promise<void> {
    const resources = { requests: { cpu: '10m' } };
    const containers = [{ name: 'main', image: 'example.com/any:1', resources }];
    await this.#api.create(pods, { metadata: { name, namespace }, spec: { containers } });
  }

  async #follow(resourceVersion: string): Promise<void> {
    const { signal } = this.#watching;
    let from = resourceVersion;
    while (!signal.aborted) {
      for await (const { type, object } of this.#api.watch(pods, { namespace, resourceVersion: from, signal })) {
        from = object.metadata.resourceVersion ?? from;
        if (type !== 'BOOKMARK') this.#saw(type, object);
      }
    }
  }

  #saw(type: string, { metadata: { uid = '', name = '' }, spec: { nodeName } }: Pod): void {
    const known = this.#followed.get(uid) ?? { name, nodes: [], deletedByUs: false, gone: false };
    this.#followed.set(uid, known);
    known.gone ||= type === 'DELETED';
    if (nodeName === undefined || known.nodes.at(-1) === nodeName) return;
    known.nodes.push(nodeName);
    if (known.nodes.length > 1) return;
    this.#bound += 1;
    this.#kept.push(uid);
    if (this.#kept.length > this.#options.keep) this.#delete(this.#kept.shift() ?? '');
  }

  #delete(uid: string): void {
    const pod = this.#followed.get(uid);
    if (pod === undefined || pod.gone) return;
    pod.deletedByUs = true;
    this.#do(this.#api.delete(pods, { namespace, name: pod.name }, { gracePeriodSeconds: 0 }));
  }
}
