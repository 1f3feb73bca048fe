/** The controllers of this plugin, wired up. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  controllerPart,
  keysFrom,
  type ControllerPart,
  type Effect,
  type Informer,
  type Informers,
} from '@timonel/sdk/controller';
import {
  csiStorageCapacities,
  isNotFound,
  nodes,
  objectKey,
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
import { classNameOf, selectedNode, volumeSize } from '@timonel/sdk/volumes';
import { reconcile as reconcileClass } from './capacity/reconcile.ts';
import type { LocalConfig } from './config.ts';
import { Ledger } from './ledger.ts';
import { capacityName, isOwn, provisioner } from './names.ts';
import { makeDirectory, removeDirectory } from './node/directories.ts';
import { isAsked, reconcile as reconcileClaim, volumeName } from './provision/reconcile.ts';
import { planStatus, reconcile as reconcileGrowth, wantsMore } from './resize/reconcile.ts';
import { Room } from './room.ts';
import { reconcile as reconcileVolume } from './volume/reconcile.ts';

export interface PartsInput {
  readonly config: LocalConfig;
  /** Where the directories are. Absolute, without links. */
  readonly root: string;
  readonly totalBytes: number;
}

interface Caches {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
  readonly capacities: Informer<CsiStorageCapacity>;
  readonly nodes: Informer<Node>;
  readonly room: Room;
}

const own = 'own';

function cachesOf(informers: Informers, room: (volumes: Informer<PersistentVolume>) => Room, nodeName: string): Caches {
  const volumes = informers.for(persistentVolumes, {
    indexes: { node: (volume) => (isOwn(volume, nodeName) ? own : undefined) },
  });
  return {
    claims: informers.for(persistentVolumeClaims, {
      indexes: { asked: (claim) => (isAsked(claim) ? own : undefined) },
    }),
    volumes,
    classes: informers.for(storageClasses),
    capacities: informers.for(csiStorageCapacities, { indexes: { class: ({ storageClassName }) => storageClassName } }),
    nodes: informers.for(nodes, { fieldSelector: `metadata.name=${nodeName}` }),
    room: room(volumes),
  };
}

/** How many nodes tell of more room. */
function rankOf({ capacities }: Caches, className: string, nodeName: string): number {
  const sizeOf = (capacity: CsiStorageCapacity): number => wholeQuantity(capacity.capacity ?? '0') ?? 0;
  const name = capacityName(nodeName, className);
  const all = capacities.byIndex('class', className);
  const mine = all.find(({ metadata }) => metadata.name === name);
  if (mine === undefined) return all.length;
  const isBefore = (other: CsiStorageCapacity): boolean =>
    sizeOf(other) === sizeOf(mine) ? (other.metadata.name ?? '') < name : sizeOf(other) > sizeOf(mine);
  return all.filter(isBefore).length;
}

/** Makes the plugin's controllers. They share caches and what is known of the room. */
export function partsFor({ config, root, totalBytes }: PartsInput): readonly ControllerPart[] {
  const { nodeName, namespace } = config;
  let shared: Room | undefined;
  const roomOf = (volumes: Informer<PersistentVolume>): Room =>
    (shared ??= new Room(new Ledger(totalBytes, () => volumes.byIndex('node', own)), root));
  const inputs = ({ informers }: { readonly informers: Informers }): Caches => cachesOf(informers, roomOf, nodeName);
  const reserve =
    (room: Room): Effect =>
    async ({ object }) => {
      const { name = '' } = object.metadata;
      if (!room.ledger.take(name, volumeSize(object))) throw new Error(`node ${nodeName} has no room left`);
    };
  /** The volume that was last to be made for a claim, by the claim's key: those being worked on. */
  const begun = new Map<string, string>();
  /** The claim wants no volume any more: the room of one that was not made after all is free again. */
  const forgetUnmade = async (key: string, { room }: Caches, api: ApiClient): Promise<void> => {
    const name = begun.get(key);
    begun.delete(key);
    if (name === undefined || !room.ledger.isPending(name)) return;
    const isMissing = await api.get(persistentVolumes, { name }).then(() => false, isNotFound);
    if (isMissing) room.ledger.drop(name);
  };
  const common = { component: provisioner, inputs, workers: 1 } as const;

  const provision = controllerPart({
    ...common,
    name: 'volumes-local',
    subject: persistentVolumeClaims,
    sources: ({ claims, classes, capacities }: Caches) => [
      keysFrom(claims, (claim) => (isAsked(claim) ? [objectKey(claim)] : [])),
      keysFrom(classes, () => claims.byIndex('asked', own).map(objectKey)),
      keysFrom(capacities, () =>
        claims
          .byIndex('asked', own)
          .filter((claim) => claim.metadata.annotations?.[selectedNode] === undefined)
          .map(objectKey),
      ),
    ],
    async observe(key, caches: Caches, now, { api }) {
      const claim = caches.claims.get(key);
      if (claim === undefined || !isAsked(claim)) {
        await forgetUnmade(key, caches, api);
        return undefined;
      }
      begun.set(key, volumeName(claim));
      const storageClass = caches.classes.get(classNameOf(claim));
      const rank = rankOf(caches, classNameOf(claim), nodeName);
      return {
        ...now,
        subject: claim,
        storageClass,
        nodeName,
        directory: root,
        freeBytes: await caches.room.free(),
        rank,
      };
    },
    reconcile: reconcileClaim,
    effects: ({ room }: Caches) => ({
      async 'make-directory'(action) {
        await reserve(room)(action);
        await makeDirectory((action.object as PersistentVolume).spec?.local?.path ?? '');
      },
    }),
  });

  const remove = controllerPart({
    ...common,
    name: 'volumes-local',
    subject: persistentVolumes,
    sources: ({ volumes }: Caches) => [
      keysFrom(volumes, (volume) => (isOwn(volume, nodeName) ? [objectKey(volume)] : [])),
    ],
    observe(key, { volumes }: Caches, now) {
      const volume = volumes.get(key);
      return volume === undefined ? undefined : { ...now, subject: volume, nodeName };
    },
    reconcile: reconcileVolume,
    effects: () => ({
      'remove-directory': ({ object }) => removeDirectory(root, (object as PersistentVolume).spec?.local?.path ?? ''),
    }),
    // It works on volumes that are being deleted.
    confirm: false,
  });

  const resize = controllerPart({
    ...common,
    name: 'volumes-local',
    subject: persistentVolumeClaims,
    sources: ({ claims }: Caches) => [keysFrom(claims, (claim) => (wantsMore(claim) ? [objectKey(claim)] : []))],
    async observe(key, { claims, volumes, room }: Caches, now) {
      const claim = claims.get(key);
      if (claim === undefined) return undefined;
      const volume = volumes.get(claim.spec?.volumeName ?? '');
      const has = volume === undefined ? 0 : volumeSize(volume);
      return { ...now, subject: claim, volume, nodeName, limitBytes: has + (await room.free()) };
    },
    reconcile: reconcileGrowth,
    status: planStatus,
    effects: ({ room }: Caches) => ({ reserve: reserve(room) }),
  });

  const tell = controllerPart({
    ...common,
    name: 'volumes-local',
    subject: storageClasses,
    sources: ({ classes, volumes, capacities, nodes: machines }: Caches) => {
      const all = (): string[] => classes.list().map(objectKey);
      return [
        keysFrom(classes, (storageClass) => [objectKey(storageClass)]),
        keysFrom(volumes, (volume) => (isOwn(volume, nodeName) ? all() : [])),
        keysFrom(machines, all),
        keysFrom(capacities, ({ metadata, storageClassName = '' }) =>
          metadata.name === capacityName(nodeName, storageClassName) ? [storageClassName] : [],
        ),
      ];
    },
    async observe(key, { classes, capacities, nodes: machines, room }: Caches, now) {
      const told = capacities.get(`${namespace}/${capacityName(nodeName, key)}`);
      const [node, freeBytes] = [machines.get(nodeName), await room.free()];
      return { ...now, subject: classes.get(key), className: key, nodeName, node, namespace, told, freeBytes };
    },
    reconcile: reconcileClass,
  });
  return [provision, remove, resize, tell];
}
