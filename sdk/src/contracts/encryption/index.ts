/**
 * Encryption at rest: values of some keys lie in the store so that its files, copies and backups tell nothing. The API server seals what it
 * writes and opens what it reads; everybody who uses the store directly sees what lies there.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Compare, StoreError } from '../store/index.ts';

/** What every sealed value begins with, in the form of Kubernetes: `k8s:enc:<provider>:v1:<key>:`. No object as JSON or protobuf does. */
export const sealedMark = 'k8s:enc:';

const markBytes = Buffer.from(sealedMark);

export function isSealed(value: Uint8Array): boolean {
  return markBytes.every((byte, index) => value[index] === byte);
}

export interface Sealed {
  readonly value: Uint8Array;
  /** To be among the conditions of the write: it fails when another encryption key is in use by then. */
  readonly guard: Compare;
}

export interface KeptValue {
  /** Key in the store, to which the value is bound. */
  readonly key: string;
  readonly value: Uint8Array;
}

export interface ValueEncryption {
  /** Whether the value of the key is to be kept sealed. */
  covers(key: string): boolean;
  /** @throws StoreError UNAVAILABLE, CORRUPT (the master key is another) */
  seal(kept: KeptValue): Promise<Sealed>;
  /**
   * Opens sealed values, in order. An error (CORRUPT) stands for one that was changed, moved from another key, or sealed by an encryption
   * key that is gone. @throws StoreError UNAVAILABLE, CORRUPT (the master key is another: nothing can be opened)
   */
  open(kept: readonly KeptValue[]): Promise<readonly (Uint8Array | StoreError)[]>;
  /** Asks the store whether what was sealed with this guard may still be written. */
  isCurrent(guard: Compare): Promise<boolean>;
}

/** Token of the encryption at rest. Without a provider values lie in the store as they are. */
export const valueEncryption: ServiceToken<ValueEncryption, 'one'> = defineService<ValueEncryption>(
  'value-encryption',
  { major: 1, cardinality: 'one', sync: ['covers'] },
);
