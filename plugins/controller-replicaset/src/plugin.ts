import type { AnyPlugin } from '@timonel/sdk';
import {
  byControllerUid,
  byNamespace,
  byNamespaceOfOrphan,
  defineController,
  keysFrom,
  ownersOf,
} from '@timonel/sdk/controller';
import { objectKey, pods, replicaSets, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import { explain, observe, reconcile, selects, status } from './reconcile.ts';

const uidOf = ({ metadata }: ReplicaSet): string => metadata.uid ?? '';

const plugin: AnyPlugin = defineController({
  name: 'controller-replicaset',
  version: '0.1.0',
  description: 'Keeps the number of pods of each ReplicaSet at its declared number.',
  component: 'replicaset-controller',
  subject: replicaSets,
  inputs: ({ informers }) => ({
    sets: informers.for(replicaSets, { indexes: { namespace: byNamespace, controller: byControllerUid } }),
    pods: informers.for(pods, { indexes: { controller: byControllerUid, orphan: byNamespaceOfOrphan } }),
  }),
  sources: (inputs) => [
    keysFrom(inputs.sets, (set) => [objectKey(set)]),
    keysFrom(inputs.pods, ownersOf(replicaSets, inputs.sets, selects)),
  ],
  observe(key, { sets, pods: known }, now) {
    const set = sets.get(key);
    if (set === undefined) return undefined;
    const { uid = '', namespace = '' } = set.metadata;
    const podsOf = (owner: string): readonly Pod[] => known.byIndex('controller', owner);
    // The other revisions of its Deployment do the same work.
    const siblings = (): string[] => sets.byIndex('controller', byControllerUid(set) ?? '').map(uidOf);
    return observe(set, now, {
      own: podsOf(uid),
      orphans: known.byIndex('orphan', namespace),
      related: () => [...new Set([uid, ...siblings()])].flatMap(podsOf),
    });
  },
  reconcile,
  status,
  explain,
});

export default plugin;
