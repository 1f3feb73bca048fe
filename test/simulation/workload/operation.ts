/** The part of the store contract that the simulated clients use. Values are unique for each write, so a value names its write. */
export type Operation =
  | { readonly type: 'put'; readonly keys: readonly string[]; readonly value: string }
  | { readonly type: 'delete'; readonly key: string }
  /** txn: when the key's modRevision is this (0: no such key), put; else get. */
  | { readonly type: 'compareAndPut'; readonly key: string; readonly modRevision: number; readonly value: string }
  | { readonly type: 'compact'; readonly revision: number }
  | { readonly type: 'read'; readonly from: string; readonly to: string; readonly linearizable: boolean };

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

export interface Answer {
  /** Of the write itself when it changed something, else of the state it was answered from. */
  readonly revision: number;
  /** Whether it changed something. */
  readonly changed: boolean;
  readonly kvs: readonly KeyValue[];
}

export interface ChangeEvent {
  readonly type: 'put' | 'delete';
  /** For a deletion: the deletion's revision, version 0, no value. */
  readonly kv: KeyValue;
}

/** All that one revision changed. */
export interface Change {
  readonly revision: number;
  readonly events: readonly ChangeEvent[];
}

export function isWrite(operation: Operation): boolean {
  return operation.type !== 'read';
}

export function describeOperation(operation: Operation): string {
  switch (operation.type) {
    case 'put':
      return `put ${operation.keys.join('+')}=${operation.value}`;
    case 'delete':
      return `delete ${operation.key}`;
    case 'compareAndPut':
      return `put ${operation.key}=${operation.value} if mod ${operation.modRevision}`;
    case 'compact':
      return `compact ${operation.revision}`;
    case 'read':
      return `${operation.linearizable ? 'read' : 'stale-read'} [${operation.from}, ${operation.to})`;
  }
}
