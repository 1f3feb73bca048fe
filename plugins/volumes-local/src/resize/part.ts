import { controllerPart, keysFrom, type ControllerPart } from '@timonel/sdk/controller';
import { objectKey, persistentVolumeClaims } from '@timonel/sdk/kube';
import { volumeSize } from '@timonel/sdk/volumes';
import { reserveIn, type cachesAt, type Caches, type Place } from '../caches.ts';
import { isOwn, provisioner } from '../names.ts';
import { planStatus, reconcile, wantsMore } from './reconcile.ts';

/** Makes volumes of this node larger. */
export function resizePart({ nodeName }: Place, inputs: ReturnType<typeof cachesAt>): ControllerPart {
  return controllerPart({
    name: 'volumes-local',
    component: provisioner,
    subject: persistentVolumeClaims,
    workers: 1,
    inputs,
    sources: ({ claims, volumes }: Caches) => [
      keysFrom(claims, (claim) => (wantsMore(claim) ? [objectKey(claim)] : [])),
      // The cache of volumes may be the later one.
      keysFrom(volumes, (volume) => {
        const { namespace = '', name = '' } = volume.spec?.claimRef ?? {};
        const claim = isOwn(volume, nodeName) ? claims.get(`${namespace}/${name}`) : undefined;
        return claim !== undefined && wantsMore(claim) ? [objectKey(claim)] : [];
      }),
    ],
    async observe(key, { claims, volumes, room }: Caches, now) {
      const claim = claims.get(key);
      if (claim === undefined) return undefined;
      const volume = volumes.get(claim.spec?.volumeName ?? '');
      const has = volume === undefined ? 0 : volumeSize(volume);
      return { ...now, subject: claim, volume, nodeName, limitBytes: has + (await room.free()) };
    },
    reconcile,
    status: planStatus,
    effects: ({ room }: Caches) => ({ reserve: reserveIn(room) }),
  });
}
