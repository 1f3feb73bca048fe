/**
 * The messages of the etcd v3 API that the plugin uses (etcd.io, "etcd API Reference"). Field numbers are facts of the
 * protocol. Decoders read what is needed and skip the rest.
 */
import { MessageReader, MessageWriter } from './protobuf.ts';

export const methods = {
  range: '/etcdserverpb.KV/Range',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  watch: '/etcdserverpb.Watch/Watch',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  leaseRevoke: '/etcdserverpb.Lease/LeaseRevoke',
  leaseKeepAlive: '/etcdserverpb.Lease/LeaseKeepAlive',
  leaseTimeToLive: '/etcdserverpb.Lease/LeaseTimeToLive',
  leases: '/etcdserverpb.Lease/LeaseLeases',
  memberList: '/etcdserverpb.Cluster/MemberList',
  status: '/etcdserverpb.Maintenance/Status',
} as const;

export interface EtcdKeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: number;
}

export interface RangeRequest {
  readonly key: Uint8Array;
  /** Absent: the one key. A single zero byte: every key from `key` on. */
  readonly rangeEnd?: Uint8Array;
  readonly limit?: number;
  readonly revision?: number;
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export interface RangeResponse {
  readonly revision: number;
  readonly kvs: readonly EtcdKeyValue[];
  readonly more: boolean;
  readonly count: number;
}

const noBytes: Buffer = Buffer.alloc(0);

function rangeWriter(request: RangeRequest): MessageWriter {
  return new MessageWriter()
    .bytes(1, request.key)
    .bytes(2, request.rangeEnd ?? noBytes)
    .number(3, request.limit ?? 0)
    .number(4, request.revision ?? 0)
    .flag(7, request.serializable ?? false)
    .flag(8, request.keysOnly ?? false)
    .flag(9, request.countOnly ?? false);
}

export function encodeRange(request: RangeRequest): Buffer {
  return rangeWriter(request).finish();
}

export function decodeKeyValue(bytes: Buffer): EtcdKeyValue {
  const kv = { key: noBytes, value: noBytes, createRevision: 0, modRevision: 0, version: 0, lease: 0 };
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) kv.key = reader.bytes();
    else if (reader.field === 2) kv.createRevision = reader.number();
    else if (reader.field === 3) kv.modRevision = reader.number();
    else if (reader.field === 4) kv.version = reader.number();
    else if (reader.field === 5) kv.value = reader.bytes();
    else if (reader.field === 6) kv.lease = reader.number();
  }
  return kv;
}

/** The revision in the header of an answer. */
function headerRevision(header: Buffer): number {
  const reader = new MessageReader(header);
  while (reader.next()) if (reader.field === 3) return reader.number();
  return 0;
}

export function decodeRange(bytes: Buffer): RangeResponse {
  const kvs: EtcdKeyValue[] = [];
  const response = { revision: 0, kvs, more: false, count: 0 };
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) response.revision = headerRevision(reader.bytes());
    else if (reader.field === 2) kvs.push(decodeKeyValue(reader.bytes()));
    else if (reader.field === 3) response.more = reader.flag();
    else if (reader.field === 4) response.count = reader.number();
  }
  return response;
}

export interface EtcdCompare {
  readonly key: Uint8Array;
  readonly target: 'version' | 'createRevision' | 'modRevision';
  readonly value: number;
}

export type EtcdOperation =
  | { readonly op: 'put'; readonly key: Uint8Array; readonly value: Uint8Array; readonly lease: number }
  | { readonly op: 'delete'; readonly key: Uint8Array }
  | { readonly op: 'get'; readonly key: Uint8Array };

const targets = { version: [0, 4], createRevision: [1, 5], modRevision: [2, 6] } as const;

function compareWriter({ key, target, value }: EtcdCompare): MessageWriter {
  const [kind, field] = targets[target];
  // The result EQUAL is 0.
  return new MessageWriter().number(2, kind).bytes(3, key).number(field, value, true);
}

function operationWriter(operation: EtcdOperation): MessageWriter {
  const { op, key } = operation;
  if (op === 'get') return new MessageWriter().message(1, rangeWriter({ key }));
  if (op === 'delete') return new MessageWriter().message(3, new MessageWriter().bytes(1, key).flag(3, true));
  return new MessageWriter().message(
    2,
    new MessageWriter().bytes(1, key).bytes(2, operation.value).number(3, operation.lease),
  );
}

export function encodeTxn(
  compare: readonly EtcdCompare[],
  success: readonly EtcdOperation[],
  failure: readonly EtcdOperation[],
): Buffer {
  const writer = new MessageWriter();
  for (const each of compare) writer.message(1, compareWriter(each));
  for (const each of success) writer.message(2, operationWriter(each));
  for (const each of failure) writer.message(3, operationWriter(each));
  return writer.finish();
}

export interface EtcdTxnResult {
  readonly revision: number;
  readonly succeeded: boolean;
  /** One for each operation: what a get found, what a delete removed, undefined for a put. */
  readonly kvs: readonly (EtcdKeyValue | undefined)[];
}

/** The first key-value of a range's answer (`kvs` = 2) or of a deletion's (`prev_kvs` = 3). */
function firstKeyValue(bytes: Buffer, field: number): EtcdKeyValue | undefined {
  const reader = new MessageReader(bytes);
  while (reader.next()) if (reader.field === field) return decodeKeyValue(reader.bytes());
  return undefined;
}

function operationResult(bytes: Buffer): EtcdKeyValue | undefined {
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) return firstKeyValue(reader.bytes(), 2);
    if (reader.field === 3) return firstKeyValue(reader.bytes(), 3);
  }
  return undefined;
}

export function decodeTxn(bytes: Buffer): EtcdTxnResult {
  const kvs: (EtcdKeyValue | undefined)[] = [];
  const result = { revision: 0, succeeded: false, kvs };
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) result.revision = headerRevision(reader.bytes());
    else if (reader.field === 2) result.succeeded = reader.flag();
    else if (reader.field === 3) kvs.push(operationResult(reader.bytes()));
  }
  return result;
}

export function encodeCompact(revision: number): Buffer {
  return new MessageWriter().number(1, revision).finish();
}

/** The revision of an answer that holds nothing else of interest. */
export function decodeHeader(bytes: Buffer): number {
  const reader = new MessageReader(bytes);
  while (reader.next()) if (reader.field === 1) return headerRevision(reader.bytes());
  return 0;
}

export interface EtcdEvent {
  readonly type: 'put' | 'delete';
  readonly kv: EtcdKeyValue;
  readonly prevKv: EtcdKeyValue | undefined;
}

export interface WatchResponse {
  /** The member's revision when the answer was made. */
  readonly revision: number;
  readonly canceled: boolean;
  /** Not 0: the watch ended since it began before this revision, the oldest that etcd still has. */
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** More of the same answer follows. */
  readonly fragment: boolean;
  readonly events: readonly EtcdEvent[];
}

/** Begins a watch of every key, with the values of before. Large answers come in fragments. */
export function encodeWatchAll(startRevision: number): Buffer {
  const everyKey = Buffer.from([0]);
  const create = new MessageWriter().bytes(1, everyKey).bytes(2, everyKey).number(3, startRevision);
  return new MessageWriter().message(1, create.flag(6, true).flag(8, true)).finish();
}

function decodeEvent(bytes: Buffer): EtcdEvent {
  let type: EtcdEvent['type'] = 'put';
  let kv: EtcdKeyValue | undefined;
  let prevKv: EtcdKeyValue | undefined;
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) type = reader.number() === 1 ? 'delete' : 'put';
    else if (reader.field === 2) kv = decodeKeyValue(reader.bytes());
    else if (reader.field === 3) prevKv = decodeKeyValue(reader.bytes());
  }
  return { type, kv: kv ?? decodeKeyValue(noBytes), prevKv };
}

export function decodeWatch(bytes: Buffer): WatchResponse {
  const events: EtcdEvent[] = [];
  const response = { revision: 0, canceled: false, compactRevision: 0, cancelReason: '', fragment: false, events };
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) response.revision = headerRevision(reader.bytes());
    else if (reader.field === 4) response.canceled = reader.flag();
    else if (reader.field === 5) response.compactRevision = reader.number();
    else if (reader.field === 6) response.cancelReason = reader.text();
    else if (reader.field === 7) response.fragment = reader.flag();
    else if (reader.field === 11) events.push(decodeEvent(reader.bytes()));
  }
  return response;
}
