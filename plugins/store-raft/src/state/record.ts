import type { KeyValue, StoreEvent } from '@timonel/sdk/contracts/store';

/** A stored version of a key: create, mod, version and lease (u48 each, big-endian), then the value. */
export const headBytes = 24;

export function encodeRecord(kv: Omit<KeyValue, 'key'>): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + kv.value.byteLength);
  writeRecord(bytes, 0, kv);
  return bytes;
}

function writeRecord(bytes: Buffer, at: number, kv: Omit<KeyValue, 'key'>): void {
  bytes.writeUIntBE(kv.createRevision, at, 6);
  bytes.writeUIntBE(kv.modRevision, at + 6, 6);
  bytes.writeUIntBE(kv.version, at + 12, 6);
  bytes.writeUIntBE(kv.lease, at + 18, 6);
  bytes.set(kv.value, at + headBytes);
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

export function leaseOf(record: Buffer): number {
  return record.readUIntBE(18, 6);
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

/** Revision (u48), then the place of the change in it (u16). */
export function changeKey(revision: number, place: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeUIntBE(revision, 0, 6);
  key.writeUInt16BE(place, 6);
  return key;
}

/** What a revision did to one key, and the version that ended by it. */
export interface ChangeRecord {
  readonly revision: number;
  readonly type: StoreEvent['type'];
  readonly key: string;
  readonly prev: KeyValue | undefined;
}

const changeTypes = ['put', 'delete'] as const;

/** Type (u8), length of the key (u16), key, then the record of the former version, if there was one. */
export function encodeChange({ type, kv, prevKv }: StoreEvent): Buffer {
  const keyBytes = Buffer.byteLength(kv.key, 'utf8');
  const prevBytes = prevKv === undefined ? 0 : headBytes + prevKv.value.byteLength;
  const bytes = Buffer.allocUnsafe(3 + keyBytes + prevBytes);
  bytes.writeUInt8(changeTypes.indexOf(type), 0);
  bytes.writeUInt16BE(keyBytes, 1);
  bytes.write(kv.key, 3, 'utf8');
  if (prevKv !== undefined) writeRecord(bytes, 3 + keyBytes, prevKv);
  return bytes;
}

/** The same without the former version. */
export function decodeChangedKey(
  revisionKey: Buffer,
  bytes: Buffer,
): { readonly revision: number; readonly key: string } {
  return { revision: revisionKey.readUIntBE(0, 6), key: bytes.toString('utf8', 3, 3 + bytes.readUInt16BE(1)) };
}

/** @param bytes must not be used again by the caller: the value is a view of it */
export function decodeChange(revisionKey: Buffer, bytes: Buffer): ChangeRecord {
  const { revision, key } = decodeChangedKey(revisionKey, bytes);
  const record = bytes.subarray(3 + bytes.readUInt16BE(1));
  return {
    revision,
    type: changeTypes[bytes.readUInt8(0)] ?? 'put',
    key,
    prev: record.byteLength === 0 ? undefined : decodeRecord(key, record),
  };
}

/** The first key behind all that begin with `prefix`; undefined when there is none. */
export function prefixEnd(prefix: string): Buffer | undefined {
  if (prefix === '') return undefined;
  // Bytes of UTF-8 are below 0xff, so that the last one can always be raised.
  const end = Buffer.from(prefix, 'utf8');
  end[end.byteLength - 1] = (end[end.byteLength - 1] ?? 0) + 1;
  return end;
}
