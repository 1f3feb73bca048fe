import type { Observation } from '@timonel/sdk/controller';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@timonel/sdk/kube';
import { bindCompleted, waitsForConsumer } from '@timonel/sdk/volumes';

export interface ObservedClaim extends Observation<PersistentVolumeClaim> {
  /** The volume that the claim names. */
  readonly named: PersistentVolume | undefined;
  /** Volumes that are free and of its class, and those that are set aside for it. */
  readonly candidates: readonly PersistentVolume[];
  /** Of its class; undefined: there is no such class, or it has none. */
  readonly storageClass: StorageClass | undefined;
  /** The class of claims that name none. */
  readonly defaultClass: StorageClass | undefined;
}

export const nameOf = ({ metadata }: { readonly metadata: { name?: string } }): string => metadata.name ?? '';

/** Binding was completed once: from then on a missing volume is a loss. */
export function isBound({ metadata }: PersistentVolumeClaim): boolean {
  return metadata.annotations?.[bindCompleted] !== undefined;
}

/** Its volume is chosen, or made, when the first pod that uses it is placed. */
export function waits({ storageClass }: ObservedClaim): boolean {
  return waitsForConsumer(storageClass);
}
