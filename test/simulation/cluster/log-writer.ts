import type { Ready } from '../../../plugins/store-raft/src/raft/types.ts';
import type { Member } from './member.ts';
import type { MemberStorage } from './storage.ts';

/** Writes what the core wants to be durable, in order: several Readies may share a sync. */
export class LogWriter {
  readonly #member: Member;
  readonly #storage: MemberStorage;
  readonly #durable: (persistId: number) => void;
  // Readies in order, of which nothing is written yet.
  readonly #waiting: Ready[] = [];
  #writtenId = 0;
  #syncedId = 0;
  #syncing = false;
  /** While a snapshot takes the place of the log nothing is written to it. */
  #held = false;
  #whenDurable: (() => void) | undefined;

  constructor(member: Member, storage: MemberStorage, durable: (persistId: number) => void) {
    this.#member = member;
    this.#storage = storage;
    this.#durable = durable;
  }

  add(ready: Ready): void {
    if (ready.persistId !== undefined || ready.compactedTo !== undefined) this.#waiting.push(ready);
  }

  /** The term of an entry of this member's log, written or about to be. */
  termOf(index: number): number | undefined {
    for (const { entries } of this.#waiting.toReversed()) {
      const first = entries[0];
      if (first === undefined || index < first.index) continue;
      return entries[index - first.index]?.term;
    }
    return this.#storage.termOf(index);
  }

  /** Calls `run` when all is durable that was to be written, and then writes nothing until it is told to go on. */
  hold(run: () => void): void {
    this.#whenDurable = run;
    this.write();
  }

  goOn(): void {
    this.#held = false;
    this.write();
  }

  /** Writes what is due and syncs it; what comes while a sync is under way shares the next one. */
  write(): void {
    while (this.#waiting.length > 0 && !this.#held) {
      if (!this.#writeOne(this.#waiting[0] as Ready)) return;
    }
    this.#sync();
  }

  /** false: it is for later, or the member crashed. */
  #writeOne(ready: Ready): boolean {
    const member = this.#member;
    if (ready.persistId !== undefined) {
      if (!this.#storage.append(ready.hardState, ready.entries)) {
        // The disk is full: nothing is promised until it is written.
        member.after(50, () => this.write());
        return false;
      }
      for (const entry of ready.entries) {
        member.observer.appended(member.id, entry, this.#storage.termOf(entry.index - 1));
      }
      this.#writtenId = ready.persistId;
      if (member.crashesAt('between writes')) return false;
    }
    this.#waiting.shift();
    if (ready.compactedTo === undefined) return true;
    if (!this.#storage.compact(ready.compactedTo)) member.observer.note(`${member.id} has no space to compact`);
    return !member.crashesAt('amid a compaction');
  }

  #becomeDurable(): void {
    const run = this.#whenDurable;
    if (run === undefined || this.#waiting.length > 0) return;
    this.#whenDurable = undefined;
    this.#held = true;
    run();
  }

  #sync(): void {
    if (this.#syncing) return;
    if (this.#writtenId === this.#syncedId) return this.#becomeDurable();
    this.#syncing = true;
    const id = this.#writtenId;
    if (this.#member.crashesAt('between write and sync')) return;
    this.#storage.sync(
      this.#member.guard(() => {
        if (this.#member.crashesAt('after a sync')) return;
        this.#syncing = false;
        this.#syncedId = id;
        this.#durable(id);
        this.write();
      }),
    );
  }
}
