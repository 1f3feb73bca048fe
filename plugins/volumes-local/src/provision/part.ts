import type { ApiClient } from '@timonel/sdk/contracts/api';
import { controllerPart, keysFrom, type ControllerPart } from '@timonel/sdk/controller';
import {
  isNotFound,
  objectKey,
  persistentVolumeClaims,
  persistentVolumes,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '@timonel/sdk/kube';
import { classNameOf, selectedNode } from '@timonel/sdk/volumes';
import { cachesAt, own, rankOf, reserveIn, type Caches, type Place } from '../caches.ts';
import { provisioner } from '../names.ts';
import { makeDirectory, removeEmptyDirectory } from '../node/directories.ts';
import { isAsked, isAskedOf, reconcile, volumeName } from './reconcile.ts';

const pathOf = (volume: PersistentVolume): string => volume.spec?.local?.path ?? '';

const isChosen = ({ metadata }: PersistentVolumeClaim): boolean => metadata.annotations?.[selectedNode] !== undefined;

/** Makes the volumes that claims want of this node. */
export function provisionPart(place: Place, inputs: ReturnType<typeof cachesAt>): ControllerPart {
  const { nodeName, root } = place;
  /** Names of the volumes that were begun, by the keys of their claims: those whose end is not known. */
  const begun = new Map<string, string>();
  /** The claim wants nothing of this node any more: what was begun for it and came to nothing is undone. */
  const forgetUnmade = async (key: string, { room }: Caches, api: ApiClient): Promise<void> => {
    const name = begun.get(key);
    if (name === undefined) return;
    const isMissing = await api.get(persistentVolumes, { name }).then(() => false, isNotFound);
    if (isMissing) {
      room.ledger.drop(name);
      await removeEmptyDirectory(`${root}/${name}`);
    }
    begun.delete(key);
  };
  return controllerPart({
    name: 'volumes-local',
    component: provisioner,
    subject: persistentVolumeClaims,
    workers: 1,
    inputs,
    sources: ({ claims, classes, capacities }: Caches) => {
      const asked = (): PersistentVolumeClaim[] => [...claims.byIndex('asked', own)];
      return [
        keysFrom(claims, (claim) => (isAsked(claim) ? [objectKey(claim)] : [])),
        keysFrom(classes, () => asked().map(objectKey)),
        keysFrom(capacities, () =>
          asked()
            .filter((claim) => !isChosen(claim))
            .map(objectKey),
        ),
      ];
    },
    async observe(key, caches: Caches, now, { api }) {
      const { claims, classes, room } = caches;
      const claim = claims.get(key);
      if (!isAskedOf(nodeName, claim)) await forgetUnmade(key, caches, api);
      if (claim === undefined || !isAsked(claim)) return undefined;
      const className = classNameOf(claim);
      return {
        ...now,
        subject: claim,
        storageClass: classes.get(className),
        nodeName,
        directory: root,
        freeBytes: await room.free(volumeName(claim)),
        rank: rankOf(caches, className, nodeName),
      };
    },
    reconcile,
    effects: ({ room }: Caches) => ({
      async 'make-directory'(action) {
        const volume: PersistentVolume = action.object;
        const { namespace = '', name = '' } = volume.spec?.claimRef ?? {};
        await reserveIn(room)(action);
        begun.set(`${namespace}/${name}`, volume.metadata.name ?? '');
        await makeDirectory(pathOf(volume));
      },
    }),
  });
}
