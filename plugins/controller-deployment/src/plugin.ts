import type { AnyPlugin } from '@timonel/sdk';
import {
  byControllerUid,
  byNamespace,
  byNamespaceOfOrphan,
  defineController,
  keysFrom,
  ownersOf,
  type Informer,
} from '@timonel/sdk/controller';
import {
  controllerOf,
  deployments,
  objectKey,
  pods,
  replicaSets,
  type Deployment,
  type Pod,
  type ReplicaSet,
} from '@timonel/sdk/kube';
import { isRecreate } from './bounds.ts';
import { explain } from './explain.ts';
import { observe, selects } from './observe.ts';
import { reconcile } from './reconcile.ts';
import { status } from './status.ts';

interface Inputs {
  readonly deployments: Informer<Deployment>;
  readonly sets: Informer<ReplicaSet>;
  readonly pods: Informer<Pod>;
}

/** Recreate waits for the last old pod to go; the other strategies look at replica sets only. */
function keysOfPod(inputs: Inputs): (pod: Pod) => string[] {
  return (pod) => {
    const set = controllerOf(pod)?.kind === 'ReplicaSet' ? inputs.sets.get(ownerKey(pod)) : undefined;
    const key = set !== undefined && controllerOf(set)?.kind === 'Deployment' ? ownerKey(set) : '';
    const deployment = inputs.deployments.get(key);
    return deployment !== undefined && isRecreate(deployment) ? [key] : [];
  };
}

function ownerKey(object: Pod | ReplicaSet): string {
  return `${object.metadata.namespace ?? ''}/${controllerOf(object)?.name ?? ''}`;
}

const plugin: AnyPlugin = defineController({
  name: 'controller-deployment',
  version: '0.1.0',
  description: 'Rolls out the pod template of each Deployment through ReplicaSets.',
  component: 'deployment-controller',
  subject: deployments,
  inputs: ({ informers }): Inputs => ({
    deployments: informers.for(deployments, { indexes: { namespace: byNamespace } }),
    sets: informers.for(replicaSets, { indexes: { controller: byControllerUid, orphan: byNamespaceOfOrphan } }),
    pods: informers.for(pods, { indexes: { controller: byControllerUid } }),
  }),
  sources: (inputs) => [
    keysFrom(inputs.deployments, (deployment) => [objectKey(deployment)]),
    keysFrom(inputs.sets, ownersOf(deployments, inputs.deployments, selects)),
    keysFrom(inputs.pods, keysOfPod(inputs)),
  ],
  observe(key, inputs, now) {
    const deployment = inputs.deployments.get(key);
    if (deployment === undefined) return undefined;
    const { uid = '', namespace = '' } = deployment.metadata;
    const sets = [...inputs.sets.byIndex('controller', uid), ...inputs.sets.byIndex('orphan', namespace)];
    return observe(deployment, now, sets, (set) => inputs.pods.byIndex('controller', set.metadata.uid ?? ''));
  },
  reconcile,
  status,
  explain,
});

export default plugin;
