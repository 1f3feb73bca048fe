/** What a replica set needs: a pure function from what was observed to the actions to take, and to its status. */
import {
  findCondition,
  planClaims,
  type Claims,
  removeCondition,
  setCondition,
  timestampMs,
} from '@timonel/sdk/controller';
import {
  controllerReference,
  fromLabelSelector,
  matchesSelector,
  replicaSets,
  type Pod,
  type ReplicaSet,
} from '@timonel/sdk/kube';
import { deletionOrder, isReady } from './ranking.ts';

export interface Observed {
  readonly replicaSet: ReplicaSet;
  /** Pods of its namespace that it controls or that nobody controls. */
  readonly pods: readonly Pod[];
  /** ms since the epoch. */
  readonly nowMs: number;
  readonly timestamp: string;
}

export type Action =
  | { readonly do: 'adopt'; readonly pod: Pod; readonly cause: 'SelectorMatches' }
  | { readonly do: 'release'; readonly pod: Pod; readonly cause: 'SelectorDoesNotMatch' }
  | { readonly do: 'create'; readonly count: number; readonly cause: 'TooFewReplicas' }
  | { readonly do: 'delete'; readonly pod: Pod; readonly cause: 'TooManyReplicas' };

/** Why replicas could not be made or removed, for the condition ReplicaFailure. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

/** One pass creates or deletes at most so many pods; the next pass goes on. */
const burstReplicas = 500;

export function isActive(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined;
}

/** Whose pods these are. Worked out once a pass, for both the plan and the status. */
export function claimsOf({ replicaSet, pods }: Observed): Claims<Pod> {
  // A pod that has ended is nothing to adopt.
  const orphansAlive = pods.filter((pod) => isActive(pod) || (pod.metadata.ownerReferences ?? []).length > 0);
  return planClaims(replicaSet, fromLabelSelector(replicaSet.spec.selector), orphansAlive);
}

/** The actions that bring the number of pods to `spec.replicas`. */
export function plan(observed: Observed, claims: Claims<Pod> = claimsOf(observed)): Action[] {
  const { replicaSet } = observed;
  const { owned, adopt, release } = claims;
  if (replicaSet.metadata.deletionTimestamp !== undefined) return [];
  const actions: Action[] = [
    ...release.map((pod): Action => ({ do: 'release', pod, cause: 'SelectorDoesNotMatch' })),
    ...adopt.map((pod): Action => ({ do: 'adopt', pod, cause: 'SelectorMatches' })),
  ];
  const active = [...owned, ...adopt].filter(isActive);
  const missing = (replicaSet.spec.replicas ?? 1) - active.length;
  if (missing > 0) actions.push({ do: 'create', count: Math.min(missing, burstReplicas), cause: 'TooFewReplicas' });
  if (missing >= 0) return actions;
  for (const pod of deletionOrder(active).slice(0, Math.min(-missing, burstReplicas))) {
    actions.push({ do: 'delete', pod, cause: 'TooManyReplicas' });
  }
  return actions;
}

/** The pod that the template makes; the API server gives it its name. */
export function newPod(replicaSet: ReplicaSet): Pod {
  const { template } = replicaSet.spec;
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    metadata: {
      generateName: `${replicaSet.metadata.name}-`,
      ...(replicaSet.metadata.namespace === undefined ? {} : { namespace: replicaSet.metadata.namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(replicaSet, replicaSets)],
    },
    spec: template?.spec ?? { containers: [] },
  };
}

/** When a ready pod counts as available, ms since the epoch; undefined while it is not ready. */
function availableAtMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  if (!isReady(pod)) return undefined;
  if (minReadySeconds === 0) return nowMs;
  const sinceMs = timestampMs(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime);
  return sinceMs === undefined ? undefined : sinceMs + minReadySeconds * 1000;
}

export interface StatusPlan {
  readonly status: NonNullable<ReplicaSet['status']>;
  /** When a ready pod becomes available by the passing of time alone. */
  readonly requeueAfterMs: number | undefined;
}

export function planStatus(
  observed: Observed,
  failure: ReplicaFailure | undefined,
  claims: Claims<Pod> = claimsOf(observed),
): StatusPlan {
  const { replicaSet, nowMs } = observed;
  const active = claims.owned.filter(isActive);
  const templateLabels = fromLabelSelector({ matchLabels: replicaSet.spec.template?.metadata?.labels ?? {} });
  const times = active.map((pod) => availableAtMs(pod, replicaSet.spec.minReadySeconds ?? 0, nowMs));
  const later = times.filter((time) => time !== undefined && time > nowMs) as number[];
  const before = replicaSet.status?.conditions;
  const conditions =
    failure === undefined
      ? removeCondition(before, 'ReplicaFailure')
      : setCondition(before, { type: 'ReplicaFailure', status: 'True', ...failure }, observed.timestamp);
  return {
    status: {
      replicas: active.length,
      fullyLabeledReplicas: active.filter((pod) => matchesSelector(templateLabels, pod.metadata.labels)).length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: times.filter((time) => time !== undefined && time <= nowMs).length,
      ...(replicaSet.metadata.generation === undefined ? {} : { observedGeneration: replicaSet.metadata.generation }),
      ...(conditions.length === 0 ? {} : { conditions }),
    },
    requeueAfterMs: later.length === 0 ? undefined : Math.min(...later) - nowMs,
  };
}
