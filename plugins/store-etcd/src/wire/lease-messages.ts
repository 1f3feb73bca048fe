/** Messages of etcd's Lease service. */
import { MessageReader, MessageWriter } from './protobuf.ts';

export function encodeLeaseGrant(id: number, ttlSeconds: number): Buffer {
  return new MessageWriter().number(1, ttlSeconds).number(2, id).finish();
}

/** Revoke and keep-alive name nothing but the lease. */
export function encodeLeaseId(id: number): Buffer {
  return new MessageWriter().number(1, id).finish();
}

/** Time to live in seconds, of a grant or a keep-alive. 0: there is no such lease. */
export function decodeTtl(bytes: Buffer): number {
  const reader = new MessageReader(bytes);
  while (reader.next()) if (reader.field === 3) return reader.number();
  return 0;
}

/** Granted time to live in seconds, of a time-to-live answer. 0: there is no such lease. */
export function decodeGrantedTtl(bytes: Buffer): number {
  let granted = 0;
  const reader = new MessageReader(bytes);
  while (reader.next()) if (reader.field === 4) granted = reader.number();
  return granted;
}

/** Ids of the leases; those that other clients took with more than 53 bits are left out. */
export function decodeLeases(bytes: Buffer): number[] {
  const ids: number[] = [];
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field !== 2) continue;
    const lease = new MessageReader(reader.bytes());
    while (lease.next()) if (lease.field === 1) ids.push(lease.number());
  }
  return ids.filter((id) => Number.isSafeInteger(id));
}
