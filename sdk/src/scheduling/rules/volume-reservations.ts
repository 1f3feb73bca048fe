/**
 * Volumes and claims of pods that have a node and are not bound yet. What caches show of them is old until the binding is through, so
 * others must not choose by it. Bounded by the pods that are on their way.
 */
import { objectKey } from '../../kube/index.ts';
import type { Claim, PersistentVolume } from './volume-objects.ts';
import type { Choice } from './volume-needs.ts';

/** What of it rules look at. */
export interface Reservations {
  /** Volumes that no other claim is about to get. */
  left(volumes: readonly PersistentVolume[], claim: Claim): readonly PersistentVolume[];
  /** Where another pod on its way has this claim provided for. */
  nodeOf(claim: Claim): string | undefined;
}

export const noReservations: Reservations = { left: (volumes) => volumes, nodeOf: () => undefined };

export class VolumeReservations implements Reservations {
  /** Keys of claims by the names of volumes. */
  readonly #volumes = new Map<string, string>();
  /** By uid of the claim. */
  readonly #nodes = new Map<string, { readonly nodeName: string; readonly pods: Set<string> }>();
  /** By uid of the pod. */
  readonly #undo = new Map<string, () => void>();

  left(volumes: readonly PersistentVolume[], claim: Claim): readonly PersistentVolume[] {
    if (this.#volumes.size === 0) return volumes;
    const key = objectKey(claim);
    return volumes.filter(({ metadata }) => (this.#volumes.get(metadata.name ?? '') ?? key) === key);
  }

  nodeOf({ metadata }: Claim): string | undefined {
    return this.#nodes.get(metadata.uid ?? '')?.nodeName;
  }

  take(podUid: string, nodeName: string, { given, made }: Choice): void {
    this.release(podUid);
    for (const { claim, volume } of given) this.#volumes.set(volume.metadata.name ?? '', objectKey(claim));
    const claims = [...given.map(({ claim }) => claim), ...made].map(({ metadata }) => metadata.uid ?? '');
    for (const uid of claims) {
      const place = this.#nodes.get(uid);
      if (place === undefined) this.#nodes.set(uid, { nodeName, pods: new Set([podUid]) });
      else place.pods.add(podUid);
    }
    this.#undo.set(podUid, () => {
      for (const { volume } of given) this.#volumes.delete(volume.metadata.name ?? '');
      for (const uid of claims) {
        const place = this.#nodes.get(uid);
        place?.pods.delete(podUid);
        if (place?.pods.size === 0) this.#nodes.delete(uid);
      }
    });
  }

  release(podUid: string): void {
    this.#undo.get(podUid)?.();
    this.#undo.delete(podUid);
  }
}
