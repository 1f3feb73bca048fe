import { afterEach, beforeEach } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import type { Env } from '@timonel/sdk';
import type { KeyValue, Operation, Store, StoreWatch, WatchBatch } from '@timonel/sdk/contracts/store';
import { createManualEnv, type ManualEnv } from './manual-env.ts';

/** One store under test, with an empty state. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Durable stores: closes the store and opens it again on the same data. */
  reopen?(): Promise<Store>;
  /** Stops the store and removes its data. May be called twice, and after `reopen`. */
  close(): Promise<void>;
}

/** Makes an empty store. It must take all time from `env`. */
export type MakeStore = (options: { readonly env: Env }) => Promise<StoreUnderTest>;

/** What every part of the suite works with. Fresh for each test. */
export interface StoreBed {
  readonly env: ManualEnv;
  store: Store;
  reopen(): Promise<void>;
  readonly canReopen: boolean;
  /** The store's leases end by a clock of its own: a test must wait, and cannot be exact. */
  readonly ownLeaseClock: boolean;
  /** The store cannot delete and put a key in one txn. */
  readonly noRecreation: boolean;
  /** Lets time pass for leases. */
  passTime(ms: number): Promise<void>;
  /** Makes further stores; closed after the test. */
  another(): Promise<StoreUnderTest>;
}

/** What a store does otherwise than the rest, and why. */
export interface StoreOptOuts {
  /** Leases end by the clock of a server, in real time. The value says why. */
  readonly ownLeaseClock?: string;
  /** A key cannot be deleted and put in one txn. The value says why. */
  readonly noRecreation?: string;
}

/** Sets a fresh store up before each test of the surrounding `describe`. */
export function useStore(makeStore: MakeStore, optOuts: StoreOptOuts): () => StoreBed {
  let bed: StoreBed | undefined;
  let opened: StoreUnderTest[] = [];
  beforeEach(async () => {
    const env = createManualEnv();
    const another = async (): Promise<StoreUnderTest> => {
      const made = await makeStore({ env });
      opened.push(made);
      return made;
    };
    const first = await another();
    bed = {
      env,
      store: first.store,
      canReopen: first.reopen !== undefined,
      ownLeaseClock: optOuts.ownLeaseClock !== undefined,
      noRecreation: optOuts.noRecreation !== undefined,
      another,
      async passTime(ms) {
        if (optOuts.ownLeaseClock === undefined) env.advance(ms);
        else await createRealEnv().timers.sleep(ms);
      },
      async reopen() {
        if (first.reopen === undefined) throw new Error('this store cannot be reopened');
        this.store = await first.reopen();
      },
    };
  });
  afterEach(async () => {
    const all = opened;
    opened = [];
    for (const made of all) await made.close();
  });
  return () => {
    if (bed === undefined) throw new Error('there is a store only while a test runs');
    return bed;
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

export function text(kv: KeyValue | undefined): string | undefined {
  return kv === undefined ? undefined : decoder.decode(kv.value);
}

export function putOf(key: string, value = 'v', lease?: number): Operation {
  return lease === undefined ? { op: 'put', key, value: bytes(value) } : { op: 'put', key, value: bytes(value), lease };
}

/** Puts one key; resolves with the revision. */
export async function put(store: Store, key: string, value = 'v', lease?: number): Promise<number> {
  return (await store.txn({ compare: [], success: [putOf(key, value, lease)] })).revision;
}

export async function remove(store: Store, key: string): Promise<number> {
  return (await store.txn({ compare: [], success: [{ op: 'delete', key }] })).revision;
}

/** The code of the error that the promise rejects with; undefined when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    const { code } = error as { code?: unknown };
    return typeof code === 'string' ? code : `no code: ${String(error)}`;
  }
}

/** Reads batches until `enough` holds of all read so far. The test's own deadline ends a wait in vain. */
export async function readUntil(
  iterator: AsyncIterator<WatchBatch>,
  enough: (batches: readonly WatchBatch[]) => boolean,
): Promise<WatchBatch[]> {
  const batches: WatchBatch[] = [];
  while (!enough(batches)) {
    const next = await iterator.next();
    if (next.done === true) throw new Error(`the watch ended after ${batches.length} batches`);
    batches.push(next.value);
  }
  return batches;
}

/** `type key=value@modRevision` of every event. */
export function described(batches: readonly WatchBatch[]): string[] {
  return batches.flatMap((batch) =>
    batch.events.map((event) => `${event.type} ${event.kv.key}=${text(event.kv)}@${event.kv.modRevision}`),
  );
}

/** Events of `watch` up to and including `revision`. */
export async function eventsUpTo(watch: StoreWatch, revision: number): Promise<string[]> {
  const iterator = watch[Symbol.asyncIterator]();
  watch.requestProgress();
  const batches = await readUntil(iterator, (read) => (read.at(-1)?.revision ?? 0) >= revision);
  watch.close();
  return described(batches);
}

/** Waits until `condition` holds, while I/O goes on. The test's own deadline ends a wait in vain. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
