import { controllerPart, keysFrom, type ControllerPart } from '@timonel/sdk/controller';
import { objectKey, persistentVolumes } from '@timonel/sdk/kube';
import type { cachesAt, Caches, Place } from '../caches.ts';
import { isOwn, provisioner } from '../names.ts';
import { reconcile } from './reconcile.ts';
import { removeDataIn } from './remove-data.ts';

/** Removes the volumes of this node whose time is over. */
export function volumePart({ nodeName, root }: Place, inputs: ReturnType<typeof cachesAt>): ControllerPart {
  return controllerPart({
    name: 'volumes-local',
    component: provisioner,
    subject: persistentVolumes,
    workers: 1,
    inputs,
    sources: ({ volumes }: Caches) => [
      keysFrom(volumes, (volume) => (isOwn(volume, nodeName) ? [objectKey(volume)] : [])),
    ],
    observe(key, { volumes }: Caches, now) {
      const volume = volumes.get(key);
      return volume === undefined ? undefined : { ...now, subject: volume, nodeName };
    },
    reconcile,
    effects: (_, { api }) => ({ 'remove-directory': removeDataIn(root, api) }),
    // It works on volumes that are being deleted.
    confirm: false,
  });
}
