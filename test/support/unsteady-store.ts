/** A store whose service can fail in the ways of a replicated one: for tests of what stands on it. Several servers may share what is behind it. */
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import {
  store as storeToken,
  StoreError,
  type GetResult,
  type Lease,
  type RangeOptions,
  type RangeResult,
  type ReadOptions,
  type Store,
  type StoreStatus,
  type StoreWatch,
  type Txn,
  type TxnResult,
  type WatchBatch,
  type WatchOptions,
} from '@timonel/sdk/contracts/store';

/** A plugin that provides this very store. It does not close it: others may share it. */
export function storePlugin(store: Store): AnyPlugin {
  return definePlugin({
    name: 'store-shared',
    version: '0.0.0',
    apiVersion: 1,
    description: 'a store that several servers share',
    provides: { store: storeToken },
    swap: 'never',
    criticality: 'required',
    setup: () => ({ provides: { store } }),
  });
}

/** How a member without a majority answers: at once with a refusal, or not at all. */
export type Outage = 'none' | 'refuses' | 'hangs';

function unavailable(notApplied: boolean): StoreError {
  return new StoreError('UNAVAILABLE', 'there is no leader', { notApplied });
}

export class UnsteadyStore implements Store {
  readonly #store: Store;
  /** Every call but `watch`. Those that hang are refused when the outage ends. */
  #outage: Outage = 'none';
  readonly #hanging: (() => void)[] = [];
  /** Writes are carried out, and then said to have failed. */
  losesAnswers = false;
  #stalled: Promise<void> | undefined;
  #unstall: (() => void) | undefined;
  readonly #watches = new Set<StalledWatch>();

  constructor(store: Store) {
    this.#store = store;
  }

  get outage(): Outage {
    return this.#outage;
  }

  set outage(outage: Outage) {
    this.#outage = outage;
    for (const release of this.#hanging.splice(0)) release();
  }

  /** Watches deliver nothing until {@link resumeWatches}. */
  stallWatches(): void {
    this.#stalled ??= new Promise((resolve) => (this.#unstall = resolve));
  }

  resumeWatches(): void {
    this.#unstall?.();
    this.#stalled = undefined;
  }

  /** Ends running watches with an error, as a member that fell behind does. */
  breakWatches(): void {
    for (const watch of this.#watches) watch.break();
  }

  get(key: string, options?: ReadOptions): Promise<GetResult> {
    return this.#whenUp(() => this.#store.get(key, options));
  }

  range(options: RangeOptions): Promise<RangeResult> {
    return this.#whenUp(() => this.#store.range(options));
  }

  async txn(txn: Txn): Promise<TxnResult> {
    const result = await this.#whenUp(() => this.#store.txn(txn));
    if (this.losesAnswers) throw unavailable(false);
    return result;
  }

  watch(options: WatchOptions): StoreWatch {
    const watch = new StalledWatch(this.#store.watch(options), () => this.#stalled);
    this.#watches.add(watch);
    return watch;
  }

  compact(revision: number): Promise<void> {
    return this.#whenUp(() => this.#store.compact(revision));
  }

  barrier(): Promise<number> {
    return this.#whenUp(() => this.#store.barrier());
  }

  grantLease(ttlMs: number): Promise<Lease> {
    return this.#whenUp(() => this.#store.grantLease(ttlMs));
  }

  keepAlive(leaseId: number): Promise<Lease> {
    return this.#whenUp(() => this.#store.keepAlive(leaseId));
  }

  revokeLease(leaseId: number): Promise<void> {
    return this.#whenUp(() => this.#store.revokeLease(leaseId));
  }

  status(): Promise<StoreStatus> {
    return this.#whenUp(() => this.#store.status());
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return this.#store.snapshot();
  }

  async #whenUp<T>(call: () => Promise<T>): Promise<T> {
    if (this.#outage === 'none') return call();
    if (this.#outage === 'hangs') await new Promise<void>((resolve) => this.#hanging.push(resolve));
    throw unavailable(true);
  }
}

const ended = Symbol('ended');

class StalledWatch implements StoreWatch {
  readonly #watch: StoreWatch;
  readonly #stalled: () => Promise<void> | undefined;
  #end: ((how: typeof ended | StoreError) => void) | undefined;
  readonly #ended: Promise<typeof ended | StoreError>;

  constructor(watch: StoreWatch, stalled: () => Promise<void> | undefined) {
    this.#watch = watch;
    this.#stalled = stalled;
    this.#ended = new Promise((resolve) => (this.#end = resolve));
  }

  close(): void {
    this.#end?.(ended);
    this.#watch.close();
  }

  break(): void {
    this.#end?.(new StoreError('SLOW_WATCHER', 'the watch was broken off'));
  }

  requestProgress(): void {
    this.#watch.requestProgress();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<WatchBatch> {
    const batches = this.#watch[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#orEnd(batches.next());
        if (next === ended || next.done === true) return;
        if ((await this.#orEnd(this.#stalled())) === ended) return;
        yield next.value;
      }
    } finally {
      this.#watch.close();
    }
  }

  /** @throws StoreError when the watch is broken off meanwhile */
  async #orEnd<T>(work: Promise<T> | T): Promise<T | typeof ended> {
    const first = await Promise.race([work, this.#ended]);
    if (typeof first === 'object' && first !== null && 'code' in first) throw first as Error;
    return first;
  }
}
