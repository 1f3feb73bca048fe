import type { KeyValue } from '@timonel/sdk/contracts/store';

/** A stored version of a key: create, mod, version and lease (u48 each, big-endian), then the value. */
const headBytes = 24;

export function encodeRecord(kv: KeyValue): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + kv.value.byteLength);
  bytes.writeUIntBE(kv.createRevision, 0, 6);
  bytes.writeUIntBE(kv.modRevision, 6, 6);
  bytes.writeUIntBE(kv.version, 12, 6);
  bytes.writeUIntBE(kv.lease, 18, 6);
  bytes.set(kv.value, headBytes);
  return bytes;
}

const noBytes: Uint8Array = new Uint8Array(0);

/** @param bytes must not be used again by the caller: the value is a view of it */
export function decodeRecord(key: string, bytes: Buffer, keysOnly = false): KeyValue {
  return {
    key,
    value: keysOnly ? noBytes : bytes.subarray(headBytes),
    createRevision: bytes.readUIntBE(0, 6),
    modRevision: bytes.readUIntBE(6, 6),
    version: bytes.readUIntBE(12, 6),
    lease: bytes.readUIntBE(18, 6),
  };
}

export function modRevisionOf(bytes: Buffer): number {
  return bytes.readUIntBE(6, 6);
}

/** A revision or lease id as a sortable key. */
export function numberKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(6);
  key.writeUIntBE(number, 0, 6);
  return key;
}

/** Lease id, then the key. */
export function leaseKeyOf(leaseId: number, key: string): Buffer {
  return Buffer.concat([numberKey(leaseId), Buffer.from(key, 'utf8')]);
}

/**
 * Key of a former version: the key, so that versions of one key lie together and keys lie in order, then the revision
 * that ended it. U+0000 in the key is followed by U+10FFFF, and the key is ended by the bytes 00 01, which keeps the order.
 */
export function historyKey(key: string, endRevision: number): Buffer {
  const escaped = escapeKey(key);
  const bytes = Buffer.allocUnsafe(escaped.byteLength + 8);
  escaped.copy(bytes);
  bytes.writeUInt16BE(1, escaped.byteLength);
  bytes.writeUIntBE(endRevision, escaped.byteLength + 2, 6);
  return bytes;
}

function escapeKey(key: string): Buffer {
  return Buffer.from(key.includes('\u0000') ? key.replaceAll('\u0000', '\u0000\u{10ffff}') : key, 'utf8');
}

/** Longest history key that LMDB takes with the pages we use. Only keys with hundreds of U+0000 come near it. */
export const historyKeyLimitBytes = 4026;

export function parseHistoryKey(bytes: Buffer): { readonly key: string; readonly endRevision: number } {
  const key = bytes.toString('utf8', 0, bytes.byteLength - 8);
  return {
    key: key.includes('\u0000') ? key.replaceAll('\u0000\u{10ffff}', '\u0000') : key,
    endRevision: bytes.readUIntBE(bytes.byteLength - 6, 6),
  };
}
