import { createHash } from 'node:crypto';
import type { KeyValue, Lease } from './index.ts';
import { corruptSnapshot, digestBytes, frame, magic } from './snapshot-frames.ts';
import { SnapshotReader } from './snapshot-reader.ts';

/** What a snapshot holds: the live keys and leases at one revision. History is left out. */
export interface SnapshotContent {
  readonly revision: number;
  readonly leases: readonly Lease[];
  readonly kvs: Iterable<KeyValue>;
}

const chunkBytes = 256 * 1024;

/**
 * Writes a snapshot: the magic line, then frames, then the SHA-256 of all before it. A frame is a type byte, the length
 * of its body (u32, big-endian) and the body. Numbers are 64-bit floats, big-endian.
 */
export function* encodeSnapshot(content: SnapshotContent): Generator<Uint8Array> {
  const digest = createHash('sha256');
  let parts: Uint8Array[] = [Buffer.from(magic, 'latin1')];
  let bytes = magic.length;
  function* add(part: Buffer): Generator<Uint8Array> {
    parts.push(part);
    bytes += part.byteLength;
    if (bytes >= chunkBytes) yield flush();
  }
  function flush(): Uint8Array {
    const chunk = Buffer.concat(parts);
    digest.update(chunk);
    parts = [];
    bytes = 0;
    return chunk;
  }
  yield* add(encodeFrame(frame.header, numbers([content.revision])));
  for (const lease of content.leases) yield* add(encodeFrame(frame.lease, numbers([lease.id, lease.ttlMs])));
  for (const kv of content.kvs) yield* add(encodeFrame(frame.kv, encodeKeyValue(kv)));
  yield* add(encodeFrame(frame.end, Buffer.alloc(0)));
  yield flush();
  yield digest.digest();
}

function encodeFrame(type: number, body: Buffer): Buffer {
  const head = Buffer.allocUnsafe(5);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(body.byteLength, 1);
  return Buffer.concat([head, body]);
}

function encodeKeyValue(kv: KeyValue): Buffer {
  const key = Buffer.from(kv.key, 'utf8');
  const keyLength = Buffer.allocUnsafe(4);
  keyLength.writeUInt32BE(key.byteLength, 0);
  return Buffer.concat([numbers([kv.createRevision, kv.modRevision, kv.version, kv.lease]), keyLength, key, kv.value]);
}

function numbers(values: readonly number[]): Buffer {
  const buffer = Buffer.allocUnsafe(values.length * 8);
  for (const [at, value] of values.entries()) buffer.writeDoubleBE(value, at * 8);
  return buffer;
}

/** Reads a whole snapshot back. @throws StoreError CORRUPT when a byte is wrong or missing */
export function decodeSnapshot(snapshot: Uint8Array): {
  readonly revision: number;
  readonly leases: readonly Lease[];
  readonly kvs: readonly KeyValue[];
} {
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
  const end = bytes.byteLength - digestBytes;
  if (end < magic.length || bytes.toString('latin1', 0, magic.length) !== magic) {
    throw corruptSnapshot('it has no header');
  }
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) throw corruptSnapshot('its checksum does not fit');
  const reader = new SnapshotReader();
  const leases: Lease[] = [];
  const kvs: KeyValue[] = [];
  for (const part of reader.add(bytes)) {
    if (part.type === 'lease') leases.push(part.lease);
    else if (part.type === 'kv') kvs.push({ ...part.kv, value: new Uint8Array(part.kv.value) });
  }
  return { revision: reader.end().revision, leases, kvs };
}
