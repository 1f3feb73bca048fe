/**
 * Layout of a segment file; all numbers are little-endian.
 *
 *   preamble   magic (8 bytes), format version (u32), salt (u32), number of the segment (u64), CRC-32 (u32), zeros (u32)
 *   records    magic (u32), CRC-32 (u32), length of the body (u32), kind (u32), sequence number (u64), body
 *   4 zeros    behind the last record; the next one is written over them
 *
 * The CRC of a record covers what follows it and starts from the salt, which is drawn for each segment: what a file that is
 * used again still holds, or what somebody stored as a value, never passes for a record. Sequence numbers run on through
 * all segments. A record is what one append wrote: it counts whole or not at all.
 */
import { crc32 } from 'node:zlib';
import { putU64 } from './byte-writer.ts';
import { readU64 } from './byte-reader.ts';

export const formatVersion = 1;
export const preambleBytes = 32;
export const recordHeadBytes = 24;
/** The zeros that tell the end. */
export const endBytes = 4;

/**
 * header: the first record of each segment, what is known when it begins.
 * group: what one append wrote.   base: the log begins later.   reset: the log is empty, and begins there.
 */
export const recordKinds = { header: 1, group: 2, base: 3, reset: 4 } as const;
export type RecordKind = keyof typeof recordKinds;
const kindNames = new Map<number, RecordKind>(
  Object.entries(recordKinds).map(([name, code]) => [code, name as RecordKind]),
);

const fileMagic = Buffer.from('TMNLRLOG', 'latin1');
const recordMagic = 0xc7_52_4c_f5;
const recordMagicBytes = Buffer.alloc(4);
recordMagicBytes.writeUInt32LE(recordMagic);

export interface Preamble {
  readonly salt: number;
  readonly number: number;
}

export interface StoredRecord {
  readonly kind: RecordKind;
  readonly sequence: number;
  readonly body: Buffer;
  /** Where in the file the next one begins. */
  readonly end: number;
}

export function writePreamble(target: Buffer, { salt, number }: Preamble): void {
  fileMagic.copy(target);
  target.writeUInt32LE(formatVersion, 8);
  target.writeUInt32LE(salt, 12);
  putU64(target, number, 16);
  target.writeUInt32LE(crc32(target.subarray(0, 24)), 24);
  target.writeUInt32LE(0, 28);
}

/** The preamble, or what is wrong with it: a sentence, or the version of a newer format. */
export function readPreamble(bytes: Buffer): Preamble | string | { readonly newerVersion: number } {
  if (bytes.byteLength < preambleBytes) return `it has only ${bytes.byteLength} bytes`;
  if (!bytes.subarray(0, 8).equals(fileMagic)) return 'it does not begin as a segment of a Raft log';
  const version = bytes.readUInt32LE(8);
  if (version > formatVersion) return { newerVersion: version };
  if (version !== formatVersion || bytes.readUInt32LE(24) !== crc32(bytes.subarray(0, 24))) {
    return 'the checksum of its first bytes does not fit';
  }
  return { salt: bytes.readUInt32LE(12), number: readU64(bytes, 16) };
}

/** Fills in the head of the record that takes all of `record`, with `recordHeadBytes` left free at its start. */
export function sealRecord(record: Buffer, kind: RecordKind, sequence: number, salt: number): void {
  record.writeUInt32LE(recordMagic, 0);
  record.writeUInt32LE(record.byteLength - recordHeadBytes, 8);
  record.writeUInt32LE(recordKinds[kind], 12);
  putU64(record, sequence, 16);
  record.writeUInt32LE(crc32(record.subarray(8), salt), 4);
}

/** The record at `at`; undefined: there is no sound one. */
export function readRecord(bytes: Buffer, at: number, salt: number): StoredRecord | undefined {
  const bodyStart = at + recordHeadBytes;
  if (bodyStart > bytes.byteLength || bytes.readUInt32LE(at) !== recordMagic) return undefined;
  const end = bodyStart + bytes.readUInt32LE(at + 8);
  if (end > bytes.byteLength) return undefined;
  const kind = kindNames.get(bytes.readUInt32LE(at + 12));
  if (kind === undefined || bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, end), salt)) return undefined;
  return { kind, sequence: readU64(bytes, at + 16), body: bytes.subarray(bodyStart, end), end };
}

/** Whether nothing was written at `at`. */
export function isEnd(bytes: Buffer, at: number): boolean {
  return at + endBytes > bytes.byteLength || bytes.readUInt32LE(at) === 0;
}

/** Where, from `from` on, a sound record with at least this sequence number begins. */
export function findRecord(bytes: Buffer, from: number, salt: number, minSequence: number): number | undefined {
  for (let at = bytes.indexOf(recordMagicBytes, from); at >= 0; at = bytes.indexOf(recordMagicBytes, at + 1)) {
    const record = hasSequence(bytes, at, minSequence) ? readRecord(bytes, at, salt) : undefined;
    if (record !== undefined) return at;
  }
  return undefined;
}

// Cheaper than a checksum, of which a file that is used again would need one for each of its old records.
function hasSequence(bytes: Buffer, at: number, minSequence: number): boolean {
  if (at + recordHeadBytes > bytes.byteLength) return false;
  const sequence = bytes.readUInt32LE(at + 16) + bytes.readUInt32LE(at + 20) * 0x1_0000_0000;
  return sequence >= minSequence && Number.isSafeInteger(sequence);
}

const namePattern = /^log-(\d{8,})-(\d{12,})\.wal$/;

export function segmentName(number: number, firstIndex: number): string {
  return `log-${String(number).padStart(8, '0')}-${String(firstIndex).padStart(12, '0')}.wal`;
}

export function parseSegmentName(name: string): { readonly number: number; readonly firstIndex: number } | undefined {
  const match = namePattern.exec(name);
  return match === null ? undefined : { number: Number(match[1]), firstIndex: Number(match[2]) };
}
