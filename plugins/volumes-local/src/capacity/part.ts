import { controllerPart, keysFrom, type ControllerPart } from '@timonel/sdk/controller';
import { objectKey, storageClasses } from '@timonel/sdk/kube';
import type { cachesAt, Caches, Place } from '../caches.ts';
import { capacityName, isOwn, provisioner } from '../names.ts';
import { reconcile } from './reconcile.ts';

/** Tells the scheduler how much room this node has. */
export function capacityPart({ nodeName, namespace }: Place, inputs: ReturnType<typeof cachesAt>): ControllerPart {
  return controllerPart({
    name: 'volumes-local',
    component: provisioner,
    subject: storageClasses,
    workers: 1,
    inputs,
    sources: ({ classes, volumes, capacities, nodes }: Caches) => {
      const all = (): string[] => classes.list().map(objectKey);
      return [
        keysFrom(classes, (storageClass) => [objectKey(storageClass)]),
        keysFrom(volumes, (volume) => (isOwn(volume, nodeName) ? all() : [])),
        keysFrom(nodes, all),
        keysFrom(capacities, ({ metadata, storageClassName = '' }) =>
          metadata.name === capacityName(nodeName, storageClassName) ? [storageClassName] : [],
        ),
      ];
    },
    async observe(key, { classes, capacities, nodes, room }: Caches, now) {
      const told = capacities.get(`${namespace}/${capacityName(nodeName, key)}`);
      const [node, freeBytes] = [nodes.get(nodeName), await room.free()];
      return { ...now, subject: classes.get(key), className: key, nodeName, node, namespace, told, freeBytes };
    },
    reconcile,
  });
}
