import type { SimRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** What recovery reads: a whole record, or one whose checksum is wrong since it was written only in part. */
export type StoredRecord<R> = { readonly intact: true; readonly record: R } | { readonly intact: false };

export interface DiskCounts {
  syncs: number;
  lostWrites: number;
  tornWrites: number;
  refusedWrites: number;
}

interface Write<R> {
  readonly stored: StoredRecord<R>;
  readonly sizeBytes: number;
  synced: boolean;
}

/**
 * A member's disk: files of checksummed records. What is written is there for the living process, but survives a crash for
 * certain only after a sync: each unsynced write then either survives, is lost, or is torn.
 */
export class Disk<R> {
  readonly counts: DiskCounts = { syncs: 0, lostWrites: 0, tornWrites: 0, refusedWrites: 0 };
  syncMeanMs = 0.3;
  full = false;
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #files = new Map<string, Write<R>[]>();
  #generation = 0;

  constructor(scheduler: Scheduler, random: SimRandom) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  /** false: no space left, nothing was written. */
  append(file: string, record: R, sizeBytes: number): boolean {
    if (this.full) {
      this.counts.refusedWrites += 1;
      return false;
    }
    const writes = this.#files.get(file) ?? [];
    writes.push({ stored: { intact: true, record }, sizeBytes, synced: false });
    this.#files.set(file, writes);
    return true;
  }

  /** Calls `done` when all that was written to the file up to now is safe. A crash in between never calls it. */
  sync(file: string, done: () => void): void {
    const generation = this.#generation;
    const writes = [...(this.#files.get(file) ?? [])].filter((write) => !write.synced);
    this.#scheduler.after(0.05 + this.#random.exponential(this.syncMeanMs), () => {
      if (generation !== this.#generation) return;
      for (const write of writes) write.synced = true;
      this.counts.syncs += 1;
      done();
    });
  }

  /** Takes effect at once and for good: callers remove a file only after what replaces it is synced. */
  remove(file: string): void {
    this.#files.delete(file);
  }

  read(file: string): readonly StoredRecord<R>[] {
    return (this.#files.get(file) ?? []).map((write) => write.stored);
  }

  /** Recovery cuts the file behind its last good record, so that new writes do not follow a torn one. */
  truncate(file: string, recordCount: number): void {
    this.#files.get(file)?.splice(recordCount);
  }

  files(): readonly string[] {
    return [...this.#files.keys()].toSorted();
  }

  sizeBytes(): number {
    let sum = 0;
    for (const writes of this.#files.values()) for (const write of writes) sum += write.sizeBytes;
    return sum;
  }

  /** Power is cut: syncs under way never end, unsynced writes are at the mercy of chance. */
  crash(): void {
    this.#generation += 1;
    for (const [file, writes] of this.#files) {
      const left: Write<R>[] = [];
      for (const write of writes) {
        if (write.synced) left.push(write);
        else this.#crashWrite(write, left);
      }
      if (left.length === 0) this.#files.delete(file);
      else this.#files.set(file, left);
    }
  }

  /** The whole disk is gone: the member comes back with nothing, if at all. */
  wipe(): void {
    this.#generation += 1;
    this.#files.clear();
  }

  #crashWrite(write: Write<R>, left: Write<R>[]): void {
    const fate = this.#random.weighted({ kept: 2, lost: 4, torn: 1 });
    if (fate === 'kept') left.push({ ...write, synced: true });
    // The place of a lost write holds old bytes when a later one survived, so it reads as a bad record too.
    else left.push({ stored: { intact: false }, sizeBytes: write.sizeBytes, synced: true });
    if (fate === 'lost') this.counts.lostWrites += 1;
    if (fate === 'torn') this.counts.tornWrites += 1;
  }
}
