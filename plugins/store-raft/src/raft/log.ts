import { invariant } from '@timonel/sdk';
import { entryBytes } from './entry-size.ts';
import { checkConfiguration } from './membership.ts';
import type { Configuration, Entry, LogBase, StoredState } from './types.ts';

/** Entries given to the driver to persist, and not known to be durable. */
interface Outstanding {
  readonly persistId: number;
  /** The last of them that is still in the log. */
  lastIndex: number;
}

/**
 * The log in memory: what is behind the base, durable or not. Four marks move forward over it:
 * applied ≤ delivered ≤ commit ≤ last, and delivered ≤ persisted ≤ last.
 */
export class RaftLog {
  #base: LogBase;
  #entries: Entry[] = [];
  /** Of the entries in `#entries`; the last one is in force. */
  #configurations: { readonly index: number; readonly configuration: Configuration }[] = [];
  #commit: number;
  #applied: number;
  /** Handed out to be applied. */
  #delivered: number;
  #persisted: number;
  /** Handed out to be persisted. */
  #handedOut: number;
  #outstanding: Outstanding[] = [];
  #bytes = 0;
  #uncommittedBytes = 0;
  #unappliedBytes = 0;

  constructor({ base, entries, appliedIndex }: StoredState) {
    this.#base = base;
    this.#commit = appliedIndex;
    this.#applied = appliedIndex;
    this.#delivered = appliedIndex;
    this.#persisted = base.index;
    this.#handedOut = base.index;
    this.append(entries);
    this.#persisted = this.lastIndex;
    this.#handedOut = this.lastIndex;
    invariant(appliedIndex >= base.index, 'the state machine is not behind the start of its log');
    invariant(appliedIndex <= this.lastIndex, 'the state machine has applied nothing that its log does not have');
  }

  get base(): LogBase {
    return this.#base;
  }
  get firstIndex(): number {
    return this.#base.index + 1;
  }
  get lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }
  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }
  get commit(): number {
    return this.#commit;
  }
  get applied(): number {
    return this.#applied;
  }
  get persisted(): number {
    return this.#persisted;
  }
  /** Of the entries in memory. */
  get bytes(): number {
    return this.#bytes;
  }
  get uncommittedBytes(): number {
    return this.#uncommittedBytes;
  }
  /** The latest in the log, committed or not (§6). */
  get configuration(): Configuration {
    return this.#configurations.at(-1)?.configuration ?? this.#base.configuration;
  }
  get configurationIndex(): number {
    return this.#configurations.at(-1)?.index ?? this.#base.index;
  }
  /** The one before the latest. */
  get previousConfiguration(): Configuration {
    return this.#configurations.at(-2)?.configuration ?? this.#base.configuration;
  }

  /** undefined: not in this log (any more). */
  term(index: number): number | undefined {
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.#base.index - 1]?.term;
  }

  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log with this end has all that this one may have committed (§5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** The last entry at or before `index` whose term is at most `term`: where two logs may meet (§5.3). */
  lastNotAfter(index: number, term: number): { readonly index: number; readonly term: number } {
    let at = Math.min(index, this.lastIndex);
    while (at > this.#base.index && (this.term(at) as number) > term) at--;
    return { index: at, term: this.term(at) ?? 0 };
  }

  /** Entries from `from` on, at least one if there is one, within the limits. */
  slice(from: number, limitBytes: number, limitEntries: number, to: number = this.lastIndex): readonly Entry[] {
    invariant(from > this.#base.index, `entry ${from} is still in the log`);
    const start = from - this.#base.index - 1;
    const end = Math.min(to - this.#base.index, start + limitEntries);
    let stop = start;
    let bytes = 0;
    while (stop < end) {
      bytes += entryBytes(this.#entries[stop] as Entry);
      if (bytes > limitBytes && stop > start) break;
      stop++;
    }
    return this.#entries.slice(start, stop);
  }

  append(entries: readonly Entry[]): void {
    let { lastIndex, lastTerm } = this;
    for (const entry of entries) {
      // The text is made when it is needed: this is done for every write.
      if (entry.index !== lastIndex + 1) invariant(false, `entry ${entry.index} follows ${lastIndex} without a gap`);
      invariant(entry.term >= lastTerm, 'terms never go back along a log');
      lastIndex = entry.index;
      lastTerm = entry.term;
      this.#entries.push(entry);
      const bytes = entryBytes(entry);
      this.#bytes += bytes;
      if (entry.index > this.#commit) this.#uncommittedBytes += bytes;
      if (entry.type === 'configuration') {
        checkConfiguration(entry.configuration);
        this.#configurations.push({ index: entry.index, configuration: entry.configuration });
      }
    }
  }

  /** Removes the entries from `index` on, which conflict with the leader's (§5.3). */
  truncate(index: number): void {
    invariant(index > this.#commit, `a committed entry is never removed (${index} of ${this.#commit})`);
    for (const entry of this.#entries.splice(index - this.#base.index - 1)) {
      const bytes = entryBytes(entry);
      this.#bytes -= bytes;
      this.#uncommittedBytes -= bytes;
    }
    while (this.configurationIndex >= index) this.#configurations.pop();
    this.#persisted = Math.min(this.#persisted, index - 1);
    this.#handedOut = Math.min(this.#handedOut, index - 1);
    // What is written after the removal counts, even if entries of the same index and term were written before it.
    for (const written of this.#outstanding) written.lastIndex = Math.min(written.lastIndex, index - 1);
  }

  commitTo(index: number): void {
    if (index <= this.#commit) return;
    invariant(index <= this.lastIndex, `the committed entry ${index} is in this log, which ends at ${this.lastIndex}`);
    for (let at = this.#commit + 1; at <= index; at++) {
      this.#uncommittedBytes -= entryBytes(this.#entries[at - this.#base.index - 1] as Entry);
    }
    this.#commit = index;
  }

  get hasUnpersisted(): boolean {
    return this.#handedOut < this.lastIndex;
  }

  /** Entries to be persisted under this id. */
  takeUnpersisted(persistId: number): readonly Entry[] {
    const entries = this.#entries.slice(this.#handedOut - this.#base.index);
    this.#handedOut = this.lastIndex;
    if (entries.length > 0) this.#outstanding.push({ persistId, lastIndex: this.lastIndex });
    return entries;
  }

  persistedTo(persistId: number): void {
    while (this.#outstanding.length > 0 && (this.#outstanding[0] as Outstanding).persistId <= persistId) {
      const { lastIndex } = this.#outstanding.shift() as Outstanding;
      this.#persisted = Math.max(this.#persisted, lastIndex);
    }
    invariant(this.#persisted <= this.#handedOut, 'nothing is durable that was not handed out');
  }

  /** Up to which entries may be applied: durable here too, so that a restart never finds a state ahead of its log. */
  get deliverable(): number {
    return Math.min(this.#commit, this.#persisted);
  }

  hasCommitted(limitBytes: number): boolean {
    return this.#delivered < this.deliverable && this.#unappliedBytes < limitBytes;
  }

  takeCommitted(limitBytes: number): readonly Entry[] {
    if (!this.hasCommitted(limitBytes)) return [];
    const entries = this.slice(this.#delivered + 1, limitBytes - this.#unappliedBytes, Infinity, this.deliverable);
    for (const entry of entries) this.#unappliedBytes += entryBytes(entry);
    this.#delivered += entries.length;
    return entries;
  }

  appliedTo(index: number): void {
    invariant(index <= this.#delivered, `entry ${index} was handed out before it was applied`);
    if (index <= this.#applied) return;
    for (let at = this.#applied + 1; at <= index; at++) {
      this.#unappliedBytes -= entryBytes(this.#entries[at - this.#base.index - 1] as Entry);
    }
    this.#applied = index;
  }

  /** Bytes of the entries up to `index`. */
  bytesTo(index: number): number {
    let bytes = 0;
    for (let at = this.firstIndex; at <= index; at++) {
      bytes += entryBytes(this.#entries[at - this.#base.index - 1] as Entry);
    }
    return bytes;
  }

  entryAt(index: number): Entry {
    const entry = this.#entries[index - this.#base.index - 1];
    invariant(entry !== undefined, `entry ${index} is still in the log`);
    return entry;
  }

  /** Forgets the entries up to `index`, which the state machine has for good (§7). */
  compact(index: number): void {
    invariant(index <= this.#applied && index <= this.#persisted, `only applied, durable entries are compacted`);
    if (index <= this.#base.index) return;
    const term = this.term(index) as number;
    let { configuration } = this.#base;
    while (this.#configurations.length > 0 && (this.#configurations[0]?.index as number) <= index) {
      configuration = this.#configurations.shift()?.configuration as Configuration;
    }
    for (const entry of this.#entries.splice(0, index - this.#base.index)) this.#bytes -= entryBytes(entry);
    this.#base = { index, term, configuration };
  }

  /** The log of a state that came as a snapshot: empty, and starting behind it (§7). */
  restore({ index, term, configuration }: LogBase): void {
    invariant(index > this.#commit, 'a snapshot never takes the state back');
    this.#base = { index, term, configuration };
    this.#entries = [];
    this.#configurations = [];
    this.#outstanding = [];
    this.#commit = index;
    this.#applied = index;
    this.#delivered = index;
    this.#persisted = index;
    this.#handedOut = index;
    this.#bytes = 0;
    this.#uncommittedBytes = 0;
    this.#unappliedBytes = 0;
  }
}
