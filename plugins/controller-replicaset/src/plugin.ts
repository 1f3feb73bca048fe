import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import {
  byControllerUid,
  byNamespace,
  EventRecorder,
  informers,
  keysFrom,
  ownerIsCurrent,
  runController,
  updateStatusIfChanged,
} from '@timonel/sdk/controller';
import {
  controllerOf,
  fromLabelSelector,
  matchesSelector,
  objectKey,
  pods,
  replicaSets,
  type Pod,
} from '@timonel/sdk/kube';
import { execute } from './execute.ts';
import { claimsOf, plan, planStatus, type Observed } from './reconcile.ts';

/** Orphans by namespace: what a replica set of that namespace might adopt. */
function orphansByNamespace(pod: Pod): string | undefined {
  return controllerOf(pod) === undefined ? pod.metadata.namespace : undefined;
}

const plugin: AnyPlugin = definePlugin({
  name: 'controller-replicaset',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Keeps the number of pods of each ReplicaSet at its declared number.',
  provides: { controller },
  requires: { api: apiClient },
  optional: { leadership },
  swap: 'drain',
  setup(ctx) {
    const { api } = ctx.deps;
    const caches = informers(ctx, api);
    const sets = caches.for(replicaSets, { indexes: { namespace: byNamespace } });
    const podInformer = caches.for(pods, { indexes: { controller: byControllerUid, orphan: orphansByNamespace } });
    const events = new EventRecorder(ctx, api, { component: 'replicaset-controller' });
    const means = { api, events, podInformer, fieldManager: ctx.name };

    function keysOfPod(pod: Pod): string[] {
      const owner = controllerOf(pod);
      const { namespace = '' } = pod.metadata;
      if (owner !== undefined) return owner.kind === 'ReplicaSet' ? [`${namespace}/${owner.name}`] : [];
      return sets
        .byIndex('namespace', namespace)
        .filter((set) => matchesSelector(fromLabelSelector(set.spec.selector), pod.metadata.labels))
        .map(objectKey);
    }

    return runController({
      ctx,
      name: 'replicaset',
      informers: caches,
      leadership: ctx.deps.leadership,
      sources: [keysFrom(sets, (set) => [objectKey(set)]), keysFrom(podInformer, keysOfPod)],
      async reconcile(key, ownWrites) {
        const replicaSet = sets.get(key);
        if (replicaSet === undefined) return;
        const { uid = '', namespace = '' } = replicaSet.metadata;
        const observed: Observed = {
          replicaSet,
          pods: [...podInformer.byIndex('controller', uid), ...podInformer.byIndex('orphan', namespace)],
          nowMs: ctx.env.clock.now(),
          timestamp: ctx.env.clock.timestamp(),
        };
        const claims = claimsOf(observed);
        const actions = plan(observed, claims);
        if (actions.length > 0 && !(await ownerIsCurrent(api, replicaSets, replicaSet))) return;
        const { failure, error } = await execute(means, key, replicaSet, actions, ownWrites);
        const { status, requeueAfterMs } = planStatus(observed, failure, claims);
        const written = await updateStatusIfChanged(api, replicaSets, replicaSet, status);
        if (written !== undefined) ownWrites.wrote(key, sets, written);
        if (error !== undefined) throw error;
        return requeueAfterMs === undefined ? {} : { requeueAfterMs };
      },
    });
  },
});

export default plugin;
