import { StoreError, type KeyValue } from '@timonel/sdk/contracts/store';
import type { Database, Transaction } from 'lmdb';
import type { Version } from './version-codec.ts';

/** A start or an end may be bytes that are no text. */
export type CurrentTable = Database<Version | Buffer, string | Buffer>;

/** The state as it was at one moment. It is read piece by piece, while the file goes on, and may be closed in between. */
export class FrozenState {
  readonly #current: CurrentTable;
  readonly #transaction: Transaction;
  readonly #onDone: () => void;
  readonly #running = new Set<Iterator<{ readonly key: string | Buffer; readonly value: Version | Buffer }>>();
  #isDone = false;

  constructor(current: CurrentTable, transaction: Transaction, onDone: () => void) {
    this.#current = current;
    this.#transaction = transaction;
    this.#onDone = onDone;
  }

  /** Every key with its version, in order. @throws StoreError UNAVAILABLE when the file is closed in between */
  get kvs(): Iterable<KeyValue> {
    return { [Symbol.iterator]: () => this.#read() };
  }

  /** It has been read, or the file is about to be closed: LMDB is not asked any more. */
  done(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    for (const iterator of this.#running) iterator.return?.();
    this.#running.clear();
    this.#transaction.done();
    this.#onDone();
  }

  #read(): Iterator<KeyValue> {
    this.#check();
    const iterator = this.#current.getRange({ transaction: this.#transaction })[Symbol.iterator]();
    this.#running.add(iterator);
    const stop = (): { done: true; value: undefined } => {
      if (this.#running.delete(iterator)) iterator.return?.();
      return { done: true, value: undefined };
    };
    return {
      next: () => {
        this.#check();
        const { done, value: entry } = iterator.next();
        if (done === true) return stop();
        return { done: false, value: { key: entry.key as string, ...(entry.value as Version) } };
      },
      return: stop,
    };
  }

  #check(): void {
    if (!this.#isDone) return;
    throw new StoreError(
      'UNAVAILABLE',
      'the state was closed, or replaced by a snapshot, while it was read: try again',
    );
  }
}
