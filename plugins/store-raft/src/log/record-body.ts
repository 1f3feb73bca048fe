/** Bodies of the records. Commands are copied as they are; a configuration, which is rare, is MessagePack. */
import { invariant } from '@timonel/sdk';
import { Packr } from 'msgpackr';
import type { Configuration, Entry, HardState, LogBase, MemberId } from '../raft/index.ts';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { LogWrite } from './types.ts';

/** What the first record of a segment tells, so that those before it may go. */
export interface SegmentHeader {
  readonly hardState: HardState;
  readonly base: LogBase;
  /** Of the log when the segment begins. */
  readonly lastIndex: number;
}

const itemTags = { hardState: 1, entries: 2 } as const;
const entryTags = { noop: 1, command: 2, commandWithId: 3, register: 4, configuration: 5 } as const;
const packr = new Packr({ useRecords: false, variableMapSize: true });

export function encodeWrite(out: ByteWriter, { hardState, entries }: LogWrite): void {
  if (hardState !== undefined) {
    out.u8(itemTags.hardState);
    encodeHardState(out, hardState);
  }
  const first = entries[0];
  if (first === undefined) return;
  out.u8(itemTags.entries);
  out.u64(first.index);
  out.u32(entries.length);
  let expected = first.index;
  for (const entry of entries) {
    invariant(entry.index === expected, `entry ${entry.index} stands where ${expected} belongs`);
    encodeEntry(out, entry);
    expected += 1;
  }
}

/** The parts of a record of kind `group`, in the order in which they were given: hard state and entries apart. */
export function decodeGroup(input: ByteReader): readonly LogWrite[] {
  const parts: LogWrite[] = [];
  while (!input.done) {
    const tag = input.u8();
    if (tag === itemTags.hardState) parts.push({ hardState: decodeHardState(input), entries: [] });
    else if (tag === itemTags.entries) parts.push({ hardState: undefined, entries: decodeEntries(input) });
    else throw new Error(`a record holds the unknown part ${tag}`);
  }
  return parts;
}

function decodeEntries(input: ByteReader): readonly Entry[] {
  const firstIndex = input.u64();
  const count = input.u32();
  const entries: Entry[] = [];
  for (let at = 0; at < count; at++) entries.push(decodeEntry(input, firstIndex + at));
  return entries;
}

export function encodeHeader(out: ByteWriter, { hardState, base, lastIndex }: SegmentHeader): void {
  encodeHardState(out, hardState);
  encodeBase(out, base);
  out.u64(lastIndex);
}

export function decodeHeader(input: ByteReader): SegmentHeader {
  return { hardState: decodeHardState(input), base: decodeBase(input), lastIndex: input.u64() };
}

export function encodeBase(out: ByteWriter, { index, term, configuration }: LogBase): void {
  out.u64(index);
  out.u64(term);
  encodeConfiguration(out, configuration);
}

export function decodeBase(input: ByteReader): LogBase {
  return { index: input.u64(), term: input.u64(), configuration: decodeConfiguration(input) };
}

function encodeHardState(out: ByteWriter, { term, votedFor }: HardState): void {
  out.u64(term);
  out.u8(votedFor === undefined ? 0 : 1);
  if (votedFor !== undefined) out.text(votedFor);
}

function decodeHardState(input: ByteReader): HardState {
  const term = input.u64();
  return { term, votedFor: input.u8() === 0 ? undefined : input.text() };
}

function encodeEntry(out: ByteWriter, entry: Entry): void {
  switch (entry.type) {
    case 'noop':
      out.u8(entryTags.noop);
      out.u64(entry.term);
      return;
    case 'command':
      out.u8(entry.id === undefined ? entryTags.command : entryTags.commandWithId);
      out.u64(entry.term);
      if (entry.id !== undefined) {
        out.u64(entry.id.session);
        out.u64(entry.id.sequence);
        out.u64(entry.id.floor);
      }
      out.block(entry.data);
      return;
    case 'register':
      out.u8(entryTags.register);
      out.u64(entry.term);
      out.text(entry.nonce);
      return;
    case 'configuration':
      out.u8(entryTags.configuration);
      out.u64(entry.term);
      encodeConfiguration(out, entry.configuration);
  }
}

function decodeEntry(input: ByteReader, index: number): Entry {
  const tag = input.u8();
  const term = input.u64();
  switch (tag) {
    case entryTags.noop:
      return { type: 'noop', index, term };
    case entryTags.command:
      return { type: 'command', index, term, data: copy(input.block()) };
    case entryTags.commandWithId: {
      const id = { session: input.u64(), sequence: input.u64(), floor: input.u64() };
      return { type: 'command', index, term, id, data: copy(input.block()) };
    }
    case entryTags.register:
      return { type: 'register', index, term, nonce: input.text() };
    case entryTags.configuration:
      return { type: 'configuration', index, term, configuration: decodeConfiguration(input) };
    default:
      throw new Error(`entry ${index} is of the unknown type ${tag}`);
  }
}

// So that an entry does not keep the bytes of its whole segment in memory.
function copy(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes);
}

function encodeConfiguration(out: ByteWriter, { voters, outgoing, learners, addresses }: Configuration): void {
  out.block(packr.pack({ voters, outgoing, learners, addresses }));
}

function decodeConfiguration(input: ByteReader): Configuration {
  const stored = packr.unpack(input.block()) as Partial<Configuration> | null;
  const list = (members: unknown): readonly MemberId[] => {
    if (Array.isArray(members) && members.every((member) => typeof member === 'string')) return members;
    throw new Error('a configuration holds something else than names of members');
  };
  const addresses = stored?.addresses;
  if (typeof addresses !== 'object' || addresses === null) throw new Error('a configuration holds no addresses');
  return {
    voters: list(stored?.voters),
    outgoing: list(stored?.outgoing),
    learners: list(stored?.learners),
    addresses,
  };
}
