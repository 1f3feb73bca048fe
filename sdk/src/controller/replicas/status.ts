/** The status of a ReplicaSet or a ReplicationController. */
import {
  controllerOf,
  fromLabelSelector,
  matchesSelector,
  type Condition,
  type KubeObject,
  type Pod,
} from '../../kube/index.ts';
import { isPodReady, podAvailableAtMs } from '../pod-state.ts';
import type { Outcome } from '../reconciler/index.ts';
import { findCondition, removeCondition, setCondition } from '../status.ts';
import {
  selectsItsTemplate,
  type ObservedReplicas,
  type ReplicasKind,
  type ReplicasStatus,
  type Replicated,
} from './observe.ts';

type Failure = Pick<Condition, 'reason' | 'message'>;

const reasons: Readonly<Record<string, string>> = { create: 'FailedCreate', delete: 'FailedDelete' };

function failureOf<T extends Replicated>(kind: ReplicasKind<T>, subject: T, outcome: Outcome): Failure | undefined {
  if (!selectsItsTemplate(kind, subject)) {
    const message =
      'spec.selector does not match spec.template.metadata.labels: make them match, then pods are created';
    return { reason: 'SelectorDoesNotMatch', message };
  }
  const { action, message } = outcome.failure ?? {};
  const reason = reasons[action?.do ?? ''];
  return reason === undefined ? undefined : { reason, message: message ?? '' };
}

function withFailure(
  conditions: readonly Condition[] | undefined,
  failure: Failure | undefined,
  now: string,
): readonly Condition[] {
  if (failure === undefined) return removeCondition(conditions, 'ReplicaFailure');
  // Each refusal may name another pod: as long as it goes on, the first stays, so that retries write nothing.
  if (findCondition(conditions, 'ReplicaFailure')?.reason === failure.reason) return conditions ?? [];
  return setCondition(conditions, { type: 'ReplicaFailure', status: 'True', ...failure }, now);
}

/** Pods that the pass has created or adopted: it need not wait for the cache to count them. Deleted ones count as long as the cache shows them. */
function madeBy(subject: KubeObject, { answers }: Outcome): Pod[] {
  return [...answers]
    .filter(([{ do: verb }, answer]) => verb !== 'delete' && controllerOf(answer)?.uid === subject.metadata.uid)
    .map(([, answer]) => answer as Pod);
}

/** A `StatusPlan` of either kind. */
export interface ReplicasStatusPlan {
  readonly status: ReplicasStatus;
  readonly requeueAfterMs: number | undefined;
}

export function replicasStatus<T extends Replicated>(
  kind: ReplicasKind<T>,
  observed: ObservedReplicas<T>,
  outcome: Outcome,
): ReplicasStatusPlan {
  const { subject, claims, nowMs, timestamp } = observed;
  const { generation } = subject.metadata;
  const active = [...claims.owned, ...madeBy(subject, outcome)];
  const templateLabels = fromLabelSelector({ matchLabels: subject.spec.template?.metadata?.labels ?? {} });
  const times = active.map((pod) => podAvailableAtMs(pod, subject.spec.minReadySeconds ?? 0, nowMs));
  const later = times.filter((time): time is number => time !== undefined && time > nowMs);
  const failure = failureOf(kind, subject, outcome);
  // A claim was refused: whether pods can be made was not tried.
  const isUntried = failure === undefined && outcome.failure !== undefined;
  const before = subject.status?.conditions;
  const conditions = isUntried ? (before ?? []) : withFailure(before, failure, timestamp);
  const status: ReplicasStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => matchesSelector(templateLabels, pod.metadata.labels)).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: times.filter((time) => time !== undefined && time <= nowMs).length,
    ...(kind.countsTerminating ? { terminatingReplicas: observed.terminating } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
  };
  // A ready pod becomes available by the passing of time alone.
  return { status, requeueAfterMs: later.length === 0 ? undefined : Math.min(...later) - nowMs };
}
