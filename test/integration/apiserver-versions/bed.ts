/** What the rules of versions are checked on: one API server on a memory store, or three over a group of three real members. */
import { createRealEnv } from '@timonel/core';
import type { Store } from '@timonel/sdk/contracts/store';
import { until } from '@timonel/testkit';
import { MemoryStore } from '../../../plugins/store-memory/src/memory-store.ts';
import { Group } from '../../../plugins/store-raft/test/group.ts';
import { startApiServer, type Answer, type HttpWatch, type TestApiServer } from '../../support/api-server.ts';
import { UnsteadyStore } from '../../support/unsteady-store.ts';

export const cm = '/api/v1/namespaces/default/configmaps';
export const merge = 'application/merge-patch+json';
/** So long a server waits for its cache; short, for many checks wait for it in vain. */
export const freshnessTimeoutMs = 300;

export interface BedOptions {
  /** How many API servers. One: on a memory store. Three: on a store member each. */
  readonly servers: 1 | 3;
  /** Changes the store that each server gets: a fault that a check must find. */
  readonly spoil?: (store: Store) => Store;
}

export class Bed {
  readonly #servers: TestApiServer[] = [];
  readonly #stores: UnsteadyStore[] = [];
  #behind: readonly Store[] = [];
  #closeStores: () => Promise<void> = () => Promise.resolve();
  #sequence = 0;
  /** How long answers of the store about its revision are on their way. */
  answerDelayMs = 0;

  static async start({ servers, spoil = (store) => store }: BedOptions): Promise<Bed> {
    const bed = new Bed();
    try {
      await bed.#openStores(servers);
      for (const store of bed.#behind) {
        const unsteady = new UnsteadyStore(distant(spoil(store), () => bed.answerDelayMs));
        bed.#stores.push(unsteady);
        const timing = { freshnessTimeoutMs, bookmarkPeriodMs: 100 };
        bed.#servers.push(patient(await startApiServer({ store: unsteady, apiserver: { timing } })));
      }
    } catch (error) {
      await bed.close();
      throw error;
    }
    return bed;
  }

  async #openStores(servers: 1 | 3): Promise<void> {
    if (servers === 1) {
      const memory = new MemoryStore(createRealEnv());
      this.#behind = [memory];
      this.#closeStores = async () => memory.close();
      return;
    }
    const group = await Group.start({ size: 3, config: { timing: { electionTicks: 30 } } });
    this.#behind = [0, 1, 2].map((at) => group.store(at));
    this.#closeStores = () => group.close();
  }

  get size(): number {
    return this.#servers.length;
  }

  get servers(): readonly TestApiServer[] {
    return this.#servers;
  }

  /** Counts round: a client that adds one for each request is at another server each time. */
  at(index: number): TestApiServer {
    return itemAt(this.#servers, index);
  }

  storeOf(index: number): UnsteadyStore {
    return itemAt(this.#stores, index);
  }

  /** The server whose store is stalled and broken in the checks. */
  get lagging(): TestApiServer {
    return this.at(1);
  }

  get laggingStore(): UnsteadyStore {
    return this.storeOf(1);
  }

  /** The stores as they are, without what a test does to them. */
  get behind(): readonly Store[] {
    return this.#behind;
  }

  fresh(): string {
    this.#sequence += 1;
    return `o${this.#sequence}`;
  }

  create(index: number, name: string, data: Record<string, string> = {}, labels?: object): Promise<Answer> {
    return this.at(index).send('POST', cm, { body: { metadata: { name, labels }, data } });
  }

  patch(index: number, name: string, data: Record<string, string>): Promise<Answer> {
    return this.at(index).send('PATCH', `${cm}/${name}`, { type: merge, body: { data } });
  }

  /** Everything before the revision is gone, on all members. */
  async compact(revision: number): Promise<void> {
    for (const store of this.#behind) {
      await store.compact(revision);
      await until(async () => (await store.status()).compactedRevision >= revision, { what: 'the compaction' });
    }
  }

  async revision(): Promise<number> {
    return itemAt(this.#behind, 0).barrier();
  }

  steady(): void {
    this.answerDelayMs = 0;
    for (const store of this.#stores) store.resumeWatches();
  }

  async close(): Promise<void> {
    this.steady();
    for (const server of this.#servers) await server.stop();
    await this.#closeStores();
  }
}

/** The store with other calls in place of some. */
export function changed(store: Store, calls: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const own = Reflect.get(calls, key) as unknown;
      const value = own ?? (Reflect.get(target, key) as unknown);
      return typeof value === 'function' ? value.bind(own === undefined ? target : calls) : value;
    },
  });
}

/** Its answers about how far it is are true, and on their way for a while, as over a network. */
function distant(store: Store, delayMs: () => number): Store {
  return changed(store, {
    async barrier() {
      const revision = await store.barrier();
      if (delayMs() > 0) await new Promise((resolve) => setTimeout(resolve, delayMs()));
      return revision;
    },
  });
}

/** Clients try again after 503, with which nothing was done: a busy machine may need another leader of the store. */
function patient(server: TestApiServer): TestApiServer {
  return {
    ...server,
    async send(...request) {
      for (let tries = 1; ; tries += 1) {
        const answer = await server.send(...request);
        if (answer.status !== 503 || tries === 20) return answer;
      }
    },
  };
}

function itemAt<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('the bed is empty');
  return item;
}

/** A rule of the contract. `line`: of the list of what trusted systems check. */
export interface Rule {
  readonly line: number;
  readonly rule: string;
  readonly check: (bed: Bed) => Promise<void>;
}

export interface Item {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly data?: Record<string, string>;
}

export function revisionOf({ body }: Answer): number {
  return Number(body.metadata.resourceVersion);
}

export function itemsOf({ body }: Answer): readonly Item[] {
  return body.items ?? [];
}

export function namesOf(answer: Answer): string[] {
  return itemsOf(answer).map(({ metadata }) => metadata.name);
}

/** `TYPE VERSION` of each event of one object. */
export function eventsOf(watch: HttpWatch, name: string): string[] {
  return watch.events
    .filter(({ object }) => object.metadata?.name === name)
    .map(({ type, object }) => `${type} ${object.metadata.resourceVersion}`);
}

/** Runs the work while the watch of one server's store stalls, goes on and breaks by turns. */
export async function whileUnsteady<T>(bed: Bed, work: () => Promise<T>): Promise<T> {
  let turn = 0;
  const timer = setInterval(() => {
    turn += 1;
    if (turn % 3 === 1) bed.laggingStore.stallWatches();
    else if (turn % 3 === 2) bed.laggingStore.resumeWatches();
    else bed.laggingStore.breakWatches();
  }, 40);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    bed.steady();
  }
}
