/**
 * Entries and proposals, the bulk of all traffic. An entry: flags (u8), the term if it differs from the one before, the id of a
 * command if it has one, length of the rest (u32; not of a no-op), the rest. Indexes are not sent: they follow each other.
 */
import { invariant } from '@timonel/sdk';
import type { Entry, Proposal, ProposalId } from '../raft/index.ts';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { packConfiguration, unpackConfiguration } from './configuration-codec.ts';
import { wireLimits } from './limits.ts';
import { malformed } from './malformed.ts';

const typeNoop = 0;
const typeCommand = 1;
const typeRegister = 2;
const typeConfiguration = 3;
const flagId = 4;
const flagTerm = 8;

const countBytes = 8;
const idBytes = 3 * countBytes;
const lengthBytes = 4;

/** Entries with their sizes, ready to be written. */
export interface SizedEntries {
  readonly entries: readonly Entry[];
  readonly prevTerm: number;
  readonly sizeBytes: number;
  /** By position in `entries`. */
  readonly configurations: ReadonlyMap<number, Buffer>;
}

export function sizeEntries(entries: readonly Entry[], prevIndex: number, prevTerm: number): SizedEntries {
  invariant(entries.length <= wireLimits.entries, `a message carries at most ${wireLimits.entries} entries`);
  const configurations = new Map<number, Buffer>();
  let sizeBytes = 0;
  let term = prevTerm;
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at] as Entry;
    invariant(entry.index === prevIndex + 1 + at, `entry ${entry.index} follows ${prevIndex + at}`);
    if (entry.term !== term) sizeBytes += countBytes;
    term = entry.term;
    if (entry.type === 'configuration') {
      const packed = packConfiguration(entry.configuration);
      configurations.set(at, packed);
      sizeBytes += 1 + lengthBytes + packed.length;
    } else {
      sizeBytes += entry.type === 'noop' ? 1 : sizeOfProposal(entry);
    }
  }
  return { entries, prevTerm, sizeBytes, configurations };
}

export function writeEntries(writer: ByteWriter, { entries, prevTerm, configurations }: SizedEntries): void {
  let term = prevTerm;
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at] as Entry;
    const terms = entry.term === term ? 0 : flagTerm;
    writer.u8(terms | flagsOf(entry));
    if (terms !== 0) writer.count(entry.term);
    term = entry.term;
    if (entry.type === 'configuration') {
      const packed = configurations.get(at) as Buffer;
      writer.u32(packed.length);
      writer.raw(packed);
    } else if (entry.type !== 'noop') {
      writeRest(writer, entry);
    }
  }
}

/** `data` of commands are views of what is read. @throws MalformedError */
export function readEntries(
  reader: ByteReader,
  prevIndex: number,
  prevTerm: number,
  maxTerm: number,
): readonly Entry[] {
  const count = readLength(reader, 'entries');
  if (prevIndex + count > Number.MAX_SAFE_INTEGER) malformed('the entries go beyond the last index');
  const entries: Entry[] = [];
  let term = prevTerm;
  for (let index = prevIndex + 1; index <= prevIndex + count; index++) {
    const flags = reader.u8();
    if ((flags & flagTerm) !== 0) {
      const next = reader.count();
      if (next <= term || next > maxTerm)
        malformed(`the term ${next} cannot follow ${term} in a message of term ${maxTerm}`);
      term = next;
    }
    entries.push(readEntry(reader, flags & ~flagTerm, index, term));
  }
  return entries;
}

function readEntry(reader: ByteReader, flags: number, index: number, term: number): Entry {
  switch (flags) {
    case typeCommand:
      return { type: 'command', index, term, data: readData(reader) };
    case typeCommand | flagId:
      return { type: 'command', index, term, id: readId(reader), data: readData(reader) };
    case typeNoop:
      return { type: 'noop', index, term };
    case typeRegister:
      return { type: 'register', index, term, nonce: reader.text(reader.u32(), wireLimits.nonceBytes) };
    case typeConfiguration: {
      const bytes = reader.u32();
      if (bytes > wireLimits.configurationBytes) malformed(`a configuration of ${bytes} bytes is too long`);
      return { type: 'configuration', index, term, configuration: unpackConfiguration(reader.bytes(bytes)) };
    }
    default:
      return malformed(`an entry has the unknown flags ${flags}`);
  }
}

export function sizeOfProposals(proposals: readonly Proposal[]): number {
  invariant(proposals.length <= wireLimits.entries, `a message carries at most ${wireLimits.entries} proposals`);
  let sizeBytes = lengthBytes;
  for (const proposal of proposals) sizeBytes += sizeOfProposal(proposal);
  return sizeBytes;
}

export function writeProposals(writer: ByteWriter, proposals: readonly Proposal[]): void {
  writer.u32(proposals.length);
  for (const proposal of proposals) {
    writer.u8(flagsOf(proposal));
    writeRest(writer, proposal);
  }
}

/** @throws MalformedError */
export function readProposals(reader: ByteReader): readonly Proposal[] {
  const count = readLength(reader, 'proposals');
  const proposals: Proposal[] = [];
  while (proposals.length < count) proposals.push(readProposal(reader));
  return proposals;
}

function readProposal(reader: ByteReader): Proposal {
  const flags = reader.u8();
  switch (flags) {
    case typeCommand:
      return { type: 'command', data: readData(reader) };
    case typeCommand | flagId:
      return { type: 'command', id: readId(reader), data: readData(reader) };
    case typeRegister:
      return { type: 'register', nonce: reader.text(reader.u32(), wireLimits.nonceBytes) };
    default:
      return malformed(`a proposal has the unknown flags ${flags}`);
  }
}

/** Each element has a byte at least: no count can make us allocate more than came. */
function readLength(reader: ByteReader, what: string): number {
  const count = reader.u32();
  if (count > wireLimits.entries) malformed(`it has ${count} ${what}, more than ${wireLimits.entries}`);
  if (count > reader.left) malformed(`it is too short for ${count} ${what}`);
  return count;
}

function sizeOfProposal(proposal: Proposal): number {
  if (proposal.type === 'register') {
    const bytes = Buffer.byteLength(proposal.nonce);
    invariant(bytes <= wireLimits.nonceBytes, `a nonce has at most ${wireLimits.nonceBytes} bytes`);
    return 1 + lengthBytes + bytes;
  }
  return 1 + lengthBytes + proposal.data.byteLength + (proposal.id === undefined ? 0 : idBytes);
}

function flagsOf(entry: Entry | Proposal): number {
  switch (entry.type) {
    case 'command':
      return entry.id === undefined ? typeCommand : typeCommand | flagId;
    case 'noop':
      return typeNoop;
    case 'register':
      return typeRegister;
    case 'configuration':
      return typeConfiguration;
  }
}

function writeRest(writer: ByteWriter, proposal: Proposal): void {
  if (proposal.type === 'register') {
    const bytes = Buffer.byteLength(proposal.nonce);
    writer.u32(bytes);
    writer.text(proposal.nonce, bytes);
    return;
  }
  if (proposal.id !== undefined) {
    writer.count(proposal.id.session);
    writer.count(proposal.id.sequence);
    writer.count(proposal.id.floor);
  }
  writer.u32(proposal.data.byteLength);
  writer.raw(proposal.data);
}

function readId(reader: ByteReader): ProposalId {
  return { session: reader.count(), sequence: reader.count(), floor: reader.count() };
}

function readData(reader: ByteReader): Uint8Array {
  return reader.bytes(reader.u32());
}
