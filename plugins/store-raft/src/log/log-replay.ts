import type { Entry, HardState, LogBase } from '../raft/index.ts';
import { ByteReader } from './byte-reader.ts';
import { decodeBase, decodeGroup, decodeHeader, type SegmentHeader } from './record-body.ts';
import type { RecordKind } from './segment-format.ts';

/** Builds up what the records of all segments, one after the other, amount to. Throws a sentence at what cannot be. */
export class LogReplay {
  hardState: HardState = { term: 0, votedFor: undefined };
  base: LogBase;
  /** What is behind the base, as far as it is known: from `firstIndex` on. */
  entries: Entry[] = [];
  firstIndex: number;
  /** Of the segment that holds the last reset; those before it are not needed. */
  resetIn = 0;

  /** From the header of the oldest segment. */
  constructor({ base, lastIndex }: SegmentHeader) {
    this.base = base;
    this.firstIndex = lastIndex + 1;
  }

  get lastIndex(): number {
    return this.firstIndex + this.entries.length - 1;
  }

  apply(kind: RecordKind, body: Buffer, segment: number): void {
    const input = new ByteReader(body);
    switch (kind) {
      case 'header':
        this.#continueAt(decodeHeader(input));
        break;
      case 'group':
        for (const { hardState, entries } of decodeGroup(input)) {
          if (hardState !== undefined) this.hardState = hardState;
          else this.#put(entries);
        }
        break;
      case 'base':
        this.#dropUpTo(decodeBase(input));
        break;
      case 'reset':
        this.base = decodeBase(input);
        this.firstIndex = this.base.index + 1;
        this.entries = [];
        this.resetIn = segment;
    }
    if (!input.done) throw new Error('a record is longer than what it holds');
  }

  /** What is missing at the end of all; undefined: nothing. */
  missing(): string | undefined {
    if (this.firstIndex <= this.base.index + 1) return undefined;
    return `the entries ${this.base.index + 1} to ${this.firstIndex - 1} are missing, an older segment file is gone`;
  }

  #continueAt({ hardState, lastIndex }: SegmentHeader): void {
    if (lastIndex !== this.lastIndex) {
      throw new Error(`it goes on behind entry ${lastIndex}, while those before it end at entry ${this.lastIndex}`);
    }
    this.hardState = hardState;
  }

  #put(entries: readonly Entry[]): void {
    const first = entries[0]?.index ?? this.lastIndex + 1;
    if (first > this.lastIndex + 1) throw new Error(`entry ${first} follows entry ${this.lastIndex}`);
    if (first <= this.base.index) throw new Error(`entry ${first} is in place of one that the log has dropped`);
    if (first < this.firstIndex) {
      this.firstIndex = first;
      this.entries = [];
    } else this.entries.length = first - this.firstIndex;
    for (const entry of entries) this.entries.push(entry);
  }

  #dropUpTo(base: LogBase): void {
    if (base.index > this.lastIndex) {
      throw new Error(`the log begins behind entry ${base.index}, and ends at entry ${this.lastIndex}`);
    }
    this.base = base;
    const dropped = Math.max(0, base.index + 1 - this.firstIndex);
    this.entries.splice(0, dropped);
    this.firstIndex += dropped;
  }
}
