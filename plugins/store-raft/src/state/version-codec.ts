/**
 * How LMDB reads and writes the table of present versions: keys as strings, versions in one step and with one copy of the value. A
 * list of many keys is read several times as fast as over buffers for each key and record.
 */
import type { KeyValue } from '@timonel/sdk/contracts/store';
import { encodeRecord, headBytes } from './record.ts';

/** A present version without its key. */
export type Version = Omit<KeyValue, 'key'>;

/** Keys are bytes on disk, and strings or bytes here. */
export const keyCodec = {
  writeKey(key: string | Buffer, target: Buffer, start: number): number {
    if (typeof key === 'string') return start + target.write(key, start, 'utf8');
    target.set(key, start);
    return start + key.byteLength;
  },
  readKey(target: Buffer, start: number, end: number): string {
    return target.toString('utf8', start, end);
  },
} as const;

function u48(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const low =
    (((bytes[at + 2] ?? 0) << 24) |
      ((bytes[at + 3] ?? 0) << 16) |
      ((bytes[at + 4] ?? 0) << 8) |
      (bytes[at + 5] ?? 0)) >>>
    0;
  return high * 0x1_0000_0000 + low;
}

const chunkBytes = 16_384;
/** Larger values have memory of their own. */
const sharedBytes = chunkBytes / 8;
let chunk = new ArrayBuffer(0);
let used = 0;

/** A copy of a part. Small ones share a chunk of memory: one of its own for each costs more than to read it from the file. */
function copyOf(bytes: Uint8Array, from: number): Uint8Array {
  const length = bytes.length - from;
  const source = new Uint8Array(bytes.buffer, bytes.byteOffset + from, length);
  if (length > sharedBytes) return source.slice();
  if (used + length > chunk.byteLength) {
    chunk = new ArrayBuffer(chunkBytes);
    used = 0;
  }
  const copy = new Uint8Array(chunk, used, length);
  copy.set(source);
  used += length;
  return copy;
}

/** Versions as `record.ts` lays them out. */
export const versionCodec = {
  /** A record that is bytes already is stored as it is. */
  encode(version: Version | Buffer): Buffer {
    return Buffer.isBuffer(version) ? version : encodeRecord(version);
  },
  /** @param bytes LMDB's own buffer, which the next read writes over: nothing of it may be kept */
  decode(bytes: Uint8Array): Version {
    return {
      value: copyOf(bytes, headBytes),
      createRevision: u48(bytes, 0),
      modRevision: u48(bytes, 6),
      version: u48(bytes, 12),
      lease: u48(bytes, 18),
    };
  },
} as const;
