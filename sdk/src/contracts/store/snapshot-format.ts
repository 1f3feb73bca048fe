import { createHash } from 'node:crypto';
import { StoreError, type KeyValue, type Lease } from './index.ts';

/** What a snapshot holds: the live keys and leases at one revision. History is left out. */
export interface SnapshotContent {
  readonly revision: number;
  readonly leases: readonly Lease[];
  readonly kvs: Iterable<KeyValue>;
}

const magic = 'TIMONEL-SNAPSHOT-1\n';
const chunkBytes = 256 * 1024;
const digestBytes = 32;
const frame = { end: 0, header: 1, lease: 2, kv: 3 } as const;

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
  if (end < magic.length || bytes.toString('latin1', 0, magic.length) !== magic) throw corrupt('it has no header');
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) throw corrupt('its checksum does not fit');
  const leases: Lease[] = [];
  const kvs: KeyValue[] = [];
  let revision = 0;
  for (let at = magic.length; at < end;) {
    const type = bytes.readUInt8(at);
    const length = bytes.readUInt32BE(at + 1);
    const body = bytes.subarray(at + 5, at + 5 + length);
    at += 5 + length;
    if (type === frame.header) revision = body.readDoubleBE(0);
    else if (type === frame.lease) leases.push({ id: body.readDoubleBE(0), ttlMs: body.readDoubleBE(8) });
    else if (type === frame.kv) kvs.push(decodeKeyValue(body));
    else if (type === frame.end && at === end) return { revision, leases, kvs };
    else throw corrupt(`it has a frame of unknown type ${type}`);
  }
  throw corrupt('it is cut off');
}

function decodeKeyValue(body: Buffer): KeyValue {
  const keyEnd = 36 + body.readUInt32BE(32);
  return {
    key: body.toString('utf8', 36, keyEnd),
    value: new Uint8Array(body.subarray(keyEnd)),
    createRevision: body.readDoubleBE(0),
    modRevision: body.readDoubleBE(8),
    version: body.readDoubleBE(16),
    lease: body.readDoubleBE(24),
  };
}

function corrupt(why: string): StoreError {
  return new StoreError('CORRUPT', `the snapshot cannot be used: ${why}; take another copy`);
}
