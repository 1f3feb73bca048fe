import type { AnyPlugin } from '@timonel/sdk';
import {
  byControllerUid,
  byNamespace,
  byNamespaceOfOrphan,
  defineController,
  keysFrom,
  ownersOf,
} from '@timonel/sdk/controller';
import { objectKey, pods, replicationControllers } from '@timonel/sdk/kube';
import { explain, observe, reconcile, selects, status } from './reconcile.ts';

const plugin: AnyPlugin = defineController({
  name: 'controller-replicationcontroller',
  version: '0.1.0',
  description: 'Keeps the number of pods of each ReplicationController at its declared number.',
  component: 'replication-controller',
  subject: replicationControllers,
  inputs: ({ informers }) => ({
    owners: informers.for(replicationControllers, { indexes: { namespace: byNamespace } }),
    pods: informers.for(pods, { indexes: { controller: byControllerUid, orphan: byNamespaceOfOrphan } }),
  }),
  sources: (inputs) => [
    keysFrom(inputs.owners, (owner) => [objectKey(owner)]),
    keysFrom(inputs.pods, ownersOf(replicationControllers, inputs.owners, selects)),
  ],
  observe(key, { owners, pods: known }, now) {
    const owner = owners.get(key);
    if (owner === undefined) return undefined;
    const { uid = '', namespace = '' } = owner.metadata;
    const own = known.byIndex('controller', uid);
    return observe(owner, now, { own, orphans: known.byIndex('orphan', namespace), related: () => own });
  },
  reconcile,
  status,
  explain,
});

export default plugin;
