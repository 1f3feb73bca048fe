/** Changes of replica sets, and the actions that they come to. */
import { act, type Action, type ActionCause } from '@timonel/sdk/controller';
import { replicaSets, type Deployment, type ReplicaSet } from '@timonel/sdk/kube';
import { sizeAnnotations, specReplicas, type Annotations } from './revisions.ts';
import { sizeAnnotationsOutdated, type Resize } from './sizes.ts';

/** What is absent stays as it is. */
export interface Change {
  readonly set: ReplicaSet;
  readonly replicas?: number;
  readonly minReadySeconds?: number;
  readonly annotations?: Annotations;
  readonly cause: ActionCause;
}

/** Resizes as changes. Sets that keep their size are touched only when their size annotations are outdated. */
export function resize(deployment: Deployment, resizes: readonly Resize[], cause: ActionCause): Change[] {
  return resizes
    .filter(({ set, replicas }) => replicas !== specReplicas(set) || sizeAnnotationsOutdated(deployment, set))
    .map(({ set, replicas }) => ({ set, replicas, annotations: sizeAnnotations(deployment), cause }));
}

export function scaledMessage(name: string | undefined, from: number, to: number): string {
  return `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`;
}

function update({ set, replicas, minReadySeconds, annotations, cause }: Change): Action {
  const from = specReplicas(set);
  const to = replicas ?? from;
  const next: ReplicaSet = {
    ...set,
    metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, ...annotations } },
    spec: { ...set.spec, replicas: to, ...(minReadySeconds === undefined ? {} : { minReadySeconds }) },
  };
  const message = scaledMessage(set.metadata.name, from, to);
  return act.update(replicaSets, set, next, {
    cause,
    ...(from === to ? {} : { event: { reason: 'ScalingReplicaSet', message } }),
  });
}

/** Several changes of one set are one write; its cause is that of the last. */
export function updates(changes: readonly Change[]): Action[] {
  const bySet = new Map<ReplicaSet, Change>();
  for (const change of changes) {
    const before = bySet.get(change.set);
    const annotations = { ...before?.annotations, ...change.annotations };
    bySet.set(change.set, { ...before, ...change, annotations });
  }
  return [...bySet.values()].map(update);
}
