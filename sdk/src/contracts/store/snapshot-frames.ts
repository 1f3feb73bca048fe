/** The layout of a snapshot, for the files that write and read it: see `encodeSnapshot`. */
import { StoreError, storeLimits, type KeyValue, type Lease } from './index.ts';

export const magic = 'TIMONEL-SNAPSHOT-1\n';
export const digestBytes = 32;
export const frameHeadBytes = 5;
export const frame = { end: 0, header: 1, lease: 2, kv: 3 } as const;
export const kvHeadBytes = 36;
/** No sound frame has a longer body. A function, since the modules of this folder import each other. */
export function longestBodyBytes(): number {
  return kvHeadBytes + storeLimits.keyBytes + storeLimits.valueBytes;
}

/** Stores keep revisions and versions in 48 bits. Ids of leases may be larger: those of etcd are. */
const countBound = 2 ** 48;

/** What one frame says. The value of a `kv` is a view of the bytes it was read from. */
export type SnapshotPart =
  | { readonly type: 'revision'; readonly revision: number }
  | { readonly type: 'lease'; readonly lease: Lease }
  | { readonly type: 'kv'; readonly kv: KeyValue }
  | { readonly type: 'end' };

export function corruptSnapshot(why: string): StoreError {
  return new StoreError('CORRUPT', `the snapshot cannot be used: ${why}; take another copy`);
}

function isCount(number: number): boolean {
  return isId(number) && number < countBound;
}

function isId(number: number): boolean {
  return Number.isInteger(number) && number >= 0;
}

/** @throws StoreError CORRUPT */
export function decodeFrame(type: number, body: Buffer): SnapshotPart {
  const part = decodeBody(type, body);
  if (part !== undefined) return part;
  throw corruptSnapshot(`it has a frame of type ${type} that makes no sense`);
}

function decodeBody(type: number, body: Buffer): SnapshotPart | undefined {
  const { byteLength } = body;
  if (type === frame.end) return byteLength === 0 ? { type: 'end' } : undefined;
  if (type === frame.header && byteLength === 8) {
    const revision = body.readDoubleBE(0);
    return isCount(revision) && revision > 0 ? { type: 'revision', revision } : undefined;
  }
  if (type === frame.lease && byteLength === 16) {
    const lease = { id: body.readDoubleBE(0), ttlMs: body.readDoubleBE(8) };
    return isId(lease.id) && lease.ttlMs > 0 && Number.isFinite(lease.ttlMs) ? { type: 'lease', lease } : undefined;
  }
  if (type === frame.kv && byteLength > kvHeadBytes) return decodeKeyValue(body);
  return undefined;
}

function decodeKeyValue(body: Buffer): SnapshotPart | undefined {
  const keyBytes = body.readUInt32BE(32);
  const keyEnd = kvHeadBytes + keyBytes;
  if (keyBytes === 0 || keyBytes > storeLimits.keyBytes || keyEnd > body.byteLength) return undefined;
  const kv: KeyValue = {
    key: body.toString('utf8', kvHeadBytes, keyEnd),
    value: body.subarray(keyEnd),
    createRevision: body.readDoubleBE(0),
    modRevision: body.readDoubleBE(8),
    version: body.readDoubleBE(16),
    lease: body.readDoubleBE(24),
  };
  const counts = [kv.createRevision, kv.modRevision, kv.version];
  const makesSense = counts.every(isCount) && isId(kv.lease) && kv.createRevision <= kv.modRevision;
  return makesSense ? { type: 'kv', kv } : undefined;
}
