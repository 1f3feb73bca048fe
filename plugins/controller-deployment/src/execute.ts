/** Carries the actions of `reconcile.ts` out. */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { adopt, release, type EventRecorder, type Informer, type OwnWrites } from '@timonel/sdk/controller';
import {
  controllerOf,
  deployments,
  isAlreadyExists,
  isConflict,
  isNotFound,
  replicaSets,
  type Deployment,
  type ReplicaSet,
} from '@timonel/sdk/kube';
import type { Action, Change } from './reconcile.ts';
import { hasTemplateOf, specReplicas } from './revisions.ts';
import type { Outcome } from './status.ts';

export interface Means {
  readonly api: ApiClient;
  readonly events: EventRecorder;
  readonly sets: Informer<ReplicaSet>;
  readonly all: Informer<Deployment>;
  readonly fieldManager: string;
}

export interface Execution {
  /** As the API answered last: the status is written against this version. */
  readonly deployment: Deployment;
  readonly outcome: Outcome;
  readonly error: unknown;
}

interface Work extends Means {
  readonly key: string;
  readonly deployment: Deployment;
  readonly ownWrites: OwnWrites;
}

async function claim(
  { api, key, deployment, ownWrites, sets }: Work,
  action: Action & { do: 'adopt' | 'release' },
): Promise<void> {
  if (action.do === 'release') {
    const written = await release(api, replicaSets, action.set, deployment);
    if (written !== undefined) ownWrites.wrote(key, sets, written);
  } else {
    ownWrites.wrote(key, sets, await adopt(api, replicaSets, action.set, deployment, deployments));
  }
}

function tellScaled({ events, deployment }: Work, set: ReplicaSet, from: number, to: number): void {
  if (from === to) return;
  const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`;
  events.record(deployments, deployment, 'Normal', 'ScalingReplicaSet', message);
}

async function create(work: Work, set: ReplicaSet): Promise<Outcome> {
  const { api, key, deployment, ownWrites, sets } = work;
  const { namespace, name = '' } = set.metadata;
  try {
    const created = await api.create(replicaSets, set, { fieldManager: work.fieldManager });
    ownWrites.wrote(key, sets, created);
    tellScaled(work, created, 0, specReplicas(created));
    return { created: name };
  } catch (error) {
    if (!isAlreadyExists(error)) {
      work.events.record(
        deployments,
        deployment,
        'Warning',
        'ReplicaSetCreateError',
        `Failed to create new replica set "${name}": ${errorMessage(error)}`,
      );
      throw error;
    }
  }
  const existing = await api.get(replicaSets, { namespace, name });
  if (controllerOf(existing)?.uid === deployment.metadata.uid && hasTemplateOf(existing, deployment)) {
    ownWrites.wrote(key, sets, existing);
    return {};
  }
  // Another replica set has the name: the next pass takes another hash.
  return { collided: true };
}

async function applyChange(work: Work, change: Change): Promise<void> {
  const { set, replicas, minReadySeconds, annotations } = change;
  const { minReadySeconds: _, ...spec } = set.spec;
  const written = await work.api.update(
    replicaSets,
    {
      ...set,
      metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, ...annotations } },
      spec: { ...spec, replicas, ...(minReadySeconds === undefined ? {} : { minReadySeconds }) },
    },
    { fieldManager: work.fieldManager },
  );
  work.ownWrites.wrote(work.key, work.sets, written);
  tellScaled(work, set, specReplicas(set), replicas);
}

async function remove({ api, key, ownWrites, sets }: Work, set: ReplicaSet): Promise<void> {
  const { namespace, name = '', uid } = set.metadata;
  ownWrites.deleted(key, sets, set);
  try {
    await api.delete(replicaSets, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } });
  } catch (error) {
    if (isNotFound(error) || isConflict(error)) return;
    ownWrites.notDeleted(key, set);
    throw error;
  }
}

async function annotate(
  { api, key, deployment, ownWrites, all, fieldManager }: Work,
  annotations: unknown,
): Promise<Deployment> {
  const { namespace, name = '', resourceVersion } = deployment.metadata;
  const body = { metadata: { resourceVersion, annotations } };
  const written = await api.patch(deployments, { namespace, name }, { type: 'merge', body }, { fieldManager });
  ownWrites.wrote(key, all, written);
  return written;
}

/** Stops at the first action that fails; the next pass begins anew. */
export async function execute(
  means: Means,
  key: string,
  observed: Deployment,
  actions: readonly Action[],
  ownWrites: OwnWrites,
): Promise<Execution> {
  let deployment = observed;
  let outcome: Outcome = {};
  for (const action of actions) {
    const work: Work = { ...means, key, deployment, ownWrites };
    try {
      if (action.do === 'create') outcome = await create(work, action.set);
      else if (action.do === 'change') await applyChange(work, action);
      else if (action.do === 'delete') await remove(work, action.set);
      else if (action.do === 'annotate') {
        if (outcome.collided !== true) deployment = await annotate(work, action.annotations);
      } else await claim(work, action);
    } catch (error) {
      const createError = action.do === 'create' ? errorMessage(error) : undefined;
      return { deployment, outcome: createError === undefined ? outcome : { createError }, error };
    }
  }
  return { deployment, outcome, error: undefined };
}
