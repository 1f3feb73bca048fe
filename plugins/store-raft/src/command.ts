import type { Operation, Txn } from '@timonel/sdk/contracts/store';
import { Packr } from 'msgpackr';

/** What the command of a log entry asks the state machine to do. */
export type Command =
  | { readonly type: 'txn'; readonly txn: Txn }
  | { readonly type: 'grantLease'; readonly ttlMs: number }
  | { readonly type: 'revokeLease'; readonly leaseId: number }
  | { readonly type: 'compact'; readonly revision: number }
  /** The lease has run out, as the leader of that term counts: void in the log of a later term, whose leader gave it its full time again. */
  | { readonly type: 'expireLease'; readonly leaseId: number; readonly term: number };

// Plain MessagePack: msgpackr's records need a table that would have to be kept with the data.
const packr = new Packr({ useRecords: false, variableMapSize: true });

// Short arrays in place of objects: the log is the hot path. The numbers are stored; never reuse one.
type PackedOperation = [0, string, Uint8Array, number] | [1, string] | [2, string];
type PackedCompare = [0 | 1 | 2, string, number];
type Packed =
  | [1, PackedCompare[], PackedOperation[], PackedOperation[]]
  | [2, number]
  | [3, number]
  | [4, number]
  | [5, number, number];

export function packCommand(command: Command): Buffer {
  return packr.pack(toPacked(command));
}

/** @throws Error when the bytes are no command */
export function unpackCommand(bytes: Uint8Array): Command {
  const packed = packr.unpack(bytes) as Packed;
  switch (packed[0]) {
    case 1:
      return {
        type: 'txn',
        txn: {
          compare: packed[1].map(fromPackedCompare),
          success: packed[2].map(fromPackedOperation),
          failure: packed[3].map(fromPackedOperation),
        },
      };
    case 2:
      return { type: 'grantLease', ttlMs: packed[1] };
    case 3:
      return { type: 'revokeLease', leaseId: packed[1] };
    case 4:
      return { type: 'compact', revision: packed[1] };
    case 5:
      return { type: 'expireLease', leaseId: packed[1], term: packed[2] };
    default:
      throw new Error(`the command has an unknown type: ${String((packed as unknown[])[0])}`);
  }
}

function toPacked(command: Command): Packed {
  switch (command.type) {
    case 'txn': {
      const { compare, success, failure } = command.txn;
      return [1, compare.map(toPackedCompare), success.map(toPackedOperation), (failure ?? []).map(toPackedOperation)];
    }
    case 'grantLease':
      return [2, command.ttlMs];
    case 'revokeLease':
      return [3, command.leaseId];
    case 'compact':
      return [4, command.revision];
    case 'expireLease':
      return [5, command.leaseId, command.term];
  }
}

function toPackedCompare(compare: Txn['compare'][number]): PackedCompare {
  if ('modRevision' in compare) return [0, compare.key, compare.modRevision];
  if ('createRevision' in compare) return [1, compare.key, compare.createRevision];
  return [2, compare.key, compare.version];
}

function fromPackedCompare([field, key, value]: PackedCompare): Txn['compare'][number] {
  if (field === 0) return { key, modRevision: value };
  return field === 1 ? { key, createRevision: value } : { key, version: value };
}

function toPackedOperation(operation: Operation): PackedOperation {
  if (operation.op === 'put') return [0, operation.key, operation.value, operation.lease ?? 0];
  return operation.op === 'delete' ? [1, operation.key] : [2, operation.key];
}

function fromPackedOperation(packed: PackedOperation): Operation {
  if (packed[0] === 0) return { op: 'put', key: packed[1], value: packed[2], lease: packed[3] };
  return packed[0] === 1 ? { op: 'delete', key: packed[1] } : { op: 'get', key: packed[1] };
}
