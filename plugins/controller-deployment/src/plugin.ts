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
  deployments,
  fromLabelSelector,
  matchesSelector,
  objectKey,
  pods,
  replicaSets,
  type Deployment,
  type Pod,
  type ReplicaSet,
} from '@timonel/sdk/kube';
import { isRecreate } from './bounds.ts';
import { execute } from './execute.ts';
import { plan, setsOf, type Observed } from './reconcile.ts';
import { planStatus } from './status.ts';

/** Orphans by namespace: what a deployment of that namespace might adopt. */
function orphansByNamespace(set: ReplicaSet): string | undefined {
  return controllerOf(set) === undefined ? set.metadata.namespace : undefined;
}

const plugin: AnyPlugin = definePlugin({
  name: 'controller-deployment',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Rolls out the pod template of each Deployment through ReplicaSets.',
  provides: { controller },
  requires: { api: apiClient },
  optional: { leadership },
  swap: 'drain',
  setup(ctx) {
    const { api } = ctx.deps;
    const caches = informers(ctx, api);
    const all = caches.for(deployments, { indexes: { namespace: byNamespace } });
    const sets = caches.for(replicaSets, { indexes: { controller: byControllerUid, orphan: orphansByNamespace } });
    const podInformer = caches.for(pods, { indexes: { controller: byControllerUid } });
    const events = new EventRecorder(ctx, api, { component: 'deployment-controller' });
    const means = { api, events, sets, all, fieldManager: ctx.name };

    function keysOfSet(set: ReplicaSet): string[] {
      const owner = controllerOf(set);
      const { namespace = '' } = set.metadata;
      if (owner !== undefined) return owner.kind === 'Deployment' ? [`${namespace}/${owner.name}`] : [];
      return all
        .byIndex('namespace', namespace)
        .filter((deployment) => matchesSelector(fromLabelSelector(deployment.spec.selector), set.metadata.labels))
        .map(objectKey);
    }

    /** Recreate waits for the last old pod to go; the other strategies look at replica sets only. */
    function keysOfPod(pod: Pod): string[] {
      const owner = controllerOf(pod);
      const set = owner?.kind === 'ReplicaSet' ? sets.get(`${pod.metadata.namespace}/${owner.name}`) : undefined;
      if (set === undefined) return [];
      return keysOfSet(set).filter((key) => {
        const deployment = all.get(key);
        return deployment !== undefined && isRecreate(deployment);
      });
    }

    function observe(deployment: Deployment): Observed {
      const { uid = '', namespace = '' } = deployment.metadata;
      const owned = sets.byIndex('controller', uid);
      return {
        deployment,
        replicaSets: [...owned, ...sets.byIndex('orphan', namespace)],
        pods: isRecreate(deployment)
          ? owned.flatMap((set) => podInformer.byIndex('controller', set.metadata.uid ?? ''))
          : [],
        nowMs: ctx.env.clock.now(),
        timestamp: ctx.env.clock.timestamp(),
      };
    }

    return runController({
      ctx,
      name: 'deployment',
      informers: caches,
      leadership: ctx.deps.leadership,
      sources: [
        keysFrom(all, (deployment) => [objectKey(deployment)]),
        keysFrom(sets, keysOfSet),
        keysFrom(podInformer, keysOfPod),
      ],
      async reconcile(key, ownWrites) {
        const cached = all.get(key);
        if (cached === undefined) return;
        const observed = observe(cached);
        const actions = plan(observed);
        if (actions.length > 0 && !(await ownerIsCurrent(api, deployments, cached))) return;
        const { deployment, outcome, error } = await execute(means, key, cached, actions, ownWrites);
        const { status, requeueAfterMs } = planStatus({ ...observed, deployment }, setsOf(observed), outcome);
        const written = await updateStatusIfChanged(api, deployments, deployment, status);
        if (written !== undefined) ownWrites.wrote(key, all, written);
        if (error !== undefined) throw error;
        return requeueAfterMs === undefined ? {} : { requeueAfterMs };
      },
    });
  },
});

export default plugin;
