/** The part of the store contract that the simulated clients use. Values are unique for each write, so a value names its write. */
export type Operation =
  | { readonly type: 'put'; readonly keys: readonly string[]; readonly value: string; readonly lease?: number }
  | { readonly type: 'delete'; readonly key: string }
  /** txn: when the key's modRevision is this (0: no such key), put; else get. */
  | { readonly type: 'compareAndPut'; readonly key: string; readonly modRevision: number; readonly value: string }
  | { readonly type: 'compact'; readonly revision: number }
  | { readonly type: 'grant'; readonly ttlMs: number }
  | { readonly type: 'keepAlive'; readonly leaseId: number }
  | { readonly type: 'revoke'; readonly leaseId: number }
  /** Not asked by a client: a leader saw the lease run out, in this term. In no other term it has an effect. */
  | { readonly type: 'expire'; readonly leaseId: number; readonly term: number }
  | { readonly type: 'read'; readonly from: string; readonly to: string; readonly linearizable: boolean };

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** Of the lease it hangs on; 0: of none. */
  readonly lease: number;
}

export interface Answer {
  /** Of the write itself when it changed something, else of the state it was answered from. */
  readonly revision: number;
  /** Whether it changed something. */
  readonly changed: boolean;
  readonly kvs: readonly KeyValue[];
  /** With all that names a lease, or grants one: its id; 0: there is no such lease (any more), and nothing was done. */
  readonly lease?: number;
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

/** Whether it has a place in the log. */
export function isWrite(operation: Operation): boolean {
  return operation.type !== 'read' && operation.type !== 'keepAlive';
}
