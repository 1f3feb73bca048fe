/** The replicas of a deployment, counted over its replica sets. */
import type { Deployment, ReplicaSet } from '@timonel/sdk/kube';
import { boundsOf } from './bounds.ts';
import { allSets, type Sets } from './observe.ts';
import { specReplicas } from './revisions.ts';

export interface Numbers {
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
  readonly terminatingReplicas?: number;
}

export function numbersOf(sets: Sets): Numbers {
  const all = allSets(sets);
  const sum = (of: (set: ReplicaSet) => number | undefined): number =>
    all.reduce((total, set) => total + (of(set) ?? 0), 0);
  const availableReplicas = sum(({ status }) => status?.availableReplicas);
  const countTerminating = all.some(({ status }) => status?.terminatingReplicas !== undefined);
  return {
    replicas: sum(({ status }) => status?.replicas),
    updatedReplicas: sets.newSet?.status?.replicas ?? 0,
    readyReplicas: sum(({ status }) => status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum(specReplicas) - availableReplicas),
    ...(countTerminating ? { terminatingReplicas: sum(({ status }) => status?.terminatingReplicas) } : {}),
  };
}

/** All pods are of the new template, there are as many as declared, and all are available. */
export function isComplete(deployment: Deployment, numbers: Numbers): boolean {
  const { replicas } = boundsOf(deployment);
  return (
    numbers.updatedReplicas === replicas && numbers.replicas === replicas && numbers.availableReplicas === replicas
  );
}
