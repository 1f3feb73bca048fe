import { compactedError, StoreError } from '@timonel/sdk/contracts/store';
import type { EtcdClient } from './client.ts';
import { codeOf } from './errors.ts';
import { oldestReadable } from './oldest-revision.ts';
import { encodeCompact, encodeRange, methods } from './wire/messages.ts';

/**
 * What is forgotten. The contract promises that a watch from the oldest readable revision tells what was before its first
 * event; etcd reads that at the revision before, so etcd is always compacted to one revision less than was asked for.
 */
export class Compaction {
  readonly #client: EtcdClient;
  /** Where the last search for etcd's own oldest revision ended. */
  #etcdOldest = 1;
  /** The highest revision that this store was asked to compact to. */
  #kept = 1;

  constructor(client: EtcdClient) {
    this.#client = client;
  }

  /** @throws StoreError COMPACTED for a revision that this store gave up, though etcd may still have it */
  checkKept(revision: number): void {
    if (revision > 0 && revision < this.#kept) throw compactedError(revision, this.#kept);
  }

  async compactTo(revision: number): Promise<void> {
    if (revision <= this.#kept) return;
    const message = encodeCompact(revision - 1);
    await this.#client.unary(methods.compact, message, { repeat: true }).catch((error: unknown) => {
      // Somebody else was faster.
      if (codeOf(error) !== 'COMPACTED') throw error;
    });
    this.#kept = Math.max(this.#kept, revision);
  }

  /** The oldest revision that can be read and watched with what was before. */
  async oldestRevision(current: number): Promise<number> {
    this.#etcdOldest = await oldestReadable(this.#etcdOldest, current, (revision) => this.#isReadable(revision));
    // 1: never compacted, or to 1, where nothing was.
    const oldest = this.#etcdOldest === 1 ? 1 : Math.min(this.#etcdOldest + 1, current);
    return Math.max(oldest, this.#kept);
  }

  /** Completes the error of a read that etcd refused. */
  async explain(error: unknown, revision: number, current: () => Promise<number>): Promise<unknown> {
    if (codeOf(error) !== 'COMPACTED' || (error as StoreError).compactedRevision !== undefined) return error;
    return compactedError(revision, await this.oldestRevision(await current()));
  }

  async #isReadable(revision: number): Promise<boolean> {
    const message = encodeRange({ key: Buffer.from([0]), revision, countOnly: true, serializable: true });
    try {
      await this.#client.unary(methods.range, message, { repeat: true });
      return true;
    } catch (error) {
      if (codeOf(error) === 'COMPACTED') return false;
      throw error;
    }
  }
}
