/** Carries the actions of `reconcile.ts` out. */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { adopt, release, slowStart, type EventRecorder, type Informer, type OwnWrites } from '@timonel/sdk/controller';
import { isConflict, isNotFound, pods, replicaSets, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import { newPod, type Action, type ReplicaFailure } from './reconcile.ts';

export interface Means {
  readonly api: ApiClient;
  readonly events: EventRecorder;
  readonly podInformer: Informer<Pod>;
  readonly fieldManager: string;
}

export interface Execution {
  readonly failure: ReplicaFailure | undefined;
  readonly error: unknown;
}

interface Work extends Means {
  readonly key: string;
  readonly replicaSet: ReplicaSet;
  readonly ownWrites: OwnWrites;
}

async function claim(work: Work, actions: readonly Action[]): Promise<void> {
  const { api, key, replicaSet, ownWrites, podInformer } = work;
  for (const action of actions) {
    if (action.do !== 'release') continue;
    const written = await release(api, pods, action.pod, replicaSet);
    if (written !== undefined) ownWrites.wrote(key, podInformer, written);
  }
  const adoptions = actions.filter((action) => action.do === 'adopt');
  for (const { pod } of adoptions)
    ownWrites.wrote(key, podInformer, await adopt(api, pods, pod, replicaSet, replicaSets));
}

async function create(work: Work, count: number): Promise<unknown> {
  const { api, key, replicaSet, ownWrites, podInformer, events } = work;
  const { error } = await slowStart(count, async () => {
    const pod = await api.create(pods, newPod(replicaSet), { fieldManager: work.fieldManager });
    ownWrites.wrote(key, podInformer, pod);
    events.record(replicaSets, replicaSet, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  });
  if (error !== undefined) {
    events.record(replicaSets, replicaSet, 'Warning', 'FailedCreate', `Error creating: ${errorMessage(error)}`);
  }
  return error;
}

async function remove(work: Work, pod: Pod): Promise<void> {
  const { api, key, replicaSet, ownWrites, podInformer, events } = work;
  const { namespace, name = '', uid } = pod.metadata;
  ownWrites.deleted(key, podInformer, pod);
  try {
    await api.delete(pods, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } });
    events.record(replicaSets, replicaSet, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  } catch (error) {
    // Gone, or replaced by another of its name: what was wanted.
    if (isNotFound(error) || isConflict(error)) return;
    ownWrites.notDeleted(key, pod);
    events.record(replicaSets, replicaSet, 'Warning', 'FailedDelete', `Error deleting: ${errorMessage(error)}`);
    throw error;
  }
}

/** Stops at the first kind of action that fails; what is left is for the next pass. */
export async function execute(
  means: Means,
  key: string,
  replicaSet: ReplicaSet,
  actions: readonly Action[],
  ownWrites: OwnWrites,
): Promise<Execution> {
  const work: Work = { ...means, key, replicaSet, ownWrites };
  await claim(work, actions);
  const creation = actions.find((action) => action.do === 'create');
  const createError = creation === undefined ? undefined : await create(work, creation.count);
  if (createError !== undefined) {
    return { failure: { reason: 'FailedCreate', message: errorMessage(createError) }, error: createError };
  }
  const deletions = actions.filter((action) => action.do === 'delete');
  const { error } = await slowStart(deletions.length, async (index) => {
    const deletion = deletions[index];
    if (deletion !== undefined) await remove(work, deletion.pod);
  });
  return error === undefined
    ? { failure: undefined, error }
    : { failure: { reason: 'FailedDelete', message: errorMessage(error) }, error };
}
