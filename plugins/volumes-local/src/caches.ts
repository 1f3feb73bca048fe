/** The caches that the controllers of this plugin share, and what is known of the room. */
import type { Effect, Informer, Informers } from '@timonel/sdk/controller';
import {
  csiStorageCapacities,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  wholeQuantity,
  type CsiStorageCapacity,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type StorageClass,
} from '@timonel/sdk/kube';
import { volumeSize } from '@timonel/sdk/volumes';
import { Ledger } from './ledger.ts';
import { capacityName, isOwn } from './names.ts';
import { isAsked } from './provision/reconcile.ts';
import { Room } from './room.ts';

export interface Place {
  readonly nodeName: string;
  /** Where the directories are. Absolute, without links. */
  readonly root: string;
  readonly totalBytes: number;
  /** Where the node tells how much room it has. */
  readonly namespace: string;
}

export interface Caches {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
  readonly capacities: Informer<CsiStorageCapacity>;
  readonly nodes: Informer<Node>;
  readonly room: Room;
}

/** Index `node` of volumes and `asked` of claims: those that matter here. */
export const own = 'own';

/** What the parts are built with: asked several times, it answers the same caches and the same room. */
export function cachesAt({ nodeName, root, totalBytes }: Place): (wiring: { readonly informers: Informers }) => Caches {
  let room: Room | undefined;
  return ({ informers }) => {
    const volumes = informers.for(persistentVolumes, {
      indexes: { node: (volume) => (isOwn(volume, nodeName) ? own : undefined) },
    });
    if (room === undefined) {
      const ledger = new Ledger(totalBytes, () => volumes.byIndex('node', own));
      // One that was made and is gone may never have been counted by the cache.
      volumes.addHandler({ deleted: ({ metadata: { name = '' } }) => ledger.drop(name) });
      room = new Room(ledger, root);
    }
    return {
      claims: informers.for(persistentVolumeClaims, {
        indexes: { asked: (claim) => (isAsked(claim) ? own : undefined) },
      }),
      volumes,
      classes: informers.for(storageClasses),
      capacities: informers.for(csiStorageCapacities, {
        indexes: { class: ({ storageClassName }) => storageClassName },
      }),
      nodes: informers.for(nodes, { fieldSelector: `metadata.name=${nodeName}` }),
      room,
    };
  };
}

/** How many nodes tell of more room. */
export function rankOf({ capacities }: Caches, className: string, nodeName: string): number {
  const sizeOf = (capacity: CsiStorageCapacity): number => wholeQuantity(capacity.capacity ?? '0') ?? 0;
  const name = capacityName(nodeName, className);
  const all = capacities.byIndex('class', className);
  const mine = all.find(({ metadata }) => metadata.name === name);
  if (mine === undefined) return all.length;
  const isBefore = (other: CsiStorageCapacity): boolean =>
    sizeOf(other) === sizeOf(mine) ? (other.metadata.name ?? '') < name : sizeOf(other) > sizeOf(mine);
  return all.filter(isBefore).length;
}

/** Takes the room that a volume needs. It throws when others have taken it since the decision. */
export function reserveIn({ ledger }: Room): Effect {
  return async ({ object }) => {
    if (!ledger.take(object.metadata.name ?? '', volumeSize(object))) throw new Error('there is no room left');
  };
}
