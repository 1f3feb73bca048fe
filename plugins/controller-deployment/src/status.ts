/** The status of a deployment: numbers and the conditions Available, Progressing, ReplicaFailure. */
import { findCondition, timestampMs } from '@timonel/sdk/controller';
import type { Condition, Deployment, ReplicaSet } from '@timonel/sdk/kube';
import { boundsOf } from './bounds.ts';
import type { Observed, Sets } from './reconcile.ts';
import { isScaledUp } from './sizes.ts';

type Status = NonNullable<Deployment['status']>;

export interface Numbers {
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
}

/** What the executor did that the status tells about. */
export interface Outcome {
  readonly created?: string | undefined;
  readonly collided?: boolean;
  readonly createError?: string | undefined;
}

export interface StatusPlan {
  readonly status: Status;
  /** When the progress deadline passes. */
  readonly requeueAfterMs: number | undefined;
}

/** math.MaxInt32: no deadline. */
const noDeadlineSeconds = 2_147_483_647;

export function numbersOf(_deployment: Deployment, { newSet, oldSets }: Sets): Numbers {
  const all = newSet === undefined ? oldSets : [newSet, ...oldSets];
  const sum = (of: (status: NonNullable<ReplicaSet['status']>) => number | undefined): number =>
    all.reduce((total, set) => total + (set.status === undefined ? 0 : (of(set.status) ?? 0)), 0);
  const replicas = sum((status) => status.replicas);
  const availableReplicas = sum((status) => status.availableReplicas);
  return {
    replicas,
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sum((status) => status.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(
      0,
      all.reduce((total, set) => total + (set.spec.replicas ?? 1), 0) - availableReplicas,
    ),
  };
}

/** All pods are of the new template, there are as many as declared, and all are available. */
export function isComplete(deployment: Deployment, numbers: Numbers): boolean {
  const { replicas } = boundsOf(deployment);
  return (
    numbers.updatedReplicas === replicas && numbers.replicas === replicas && numbers.availableReplicas === replicas
  );
}

function madeProgress(before: Status | undefined, now: Numbers): boolean {
  const old = (numbers: Partial<Numbers> | undefined): number =>
    (numbers?.replicas ?? 0) - (numbers?.updatedReplicas ?? 0);
  return (
    now.updatedReplicas > (before?.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    now.readyReplicas > (before?.readyReplicas ?? 0) ||
    now.availableReplicas > (before?.availableReplicas ?? 0)
  );
}

/** Sets a condition. The same status and reason stay as they are, unless `renew` moves lastUpdateTime on. */
function withCondition(conditions: readonly Condition[], next: Condition, now: string, renew = false): Condition[] {
  const before = findCondition(conditions, next.type);
  if (before?.status === next.status && before.reason === next.reason && !renew) return [...conditions];
  const lastTransitionTime = (before?.status === next.status ? before.lastTransitionTime : undefined) ?? now;
  const others = conditions.filter((condition) => condition.type !== next.type);
  return [...others, { ...next, lastUpdateTime: now, lastTransitionTime }];
}

const progressing = (status: Condition['status'], reason: string, message: string): Condition => ({
  type: 'Progressing',
  status,
  reason,
  message,
});

/** When the deadline of the present state passes, in ms since the epoch; undefined when it does not run. */
function deadlineAtMs(deployment: Deployment, condition: Condition | undefined): number | undefined {
  const seconds = deployment.spec.progressDeadlineSeconds ?? noDeadlineSeconds;
  if (seconds === noDeadlineSeconds || deployment.spec.paused === true) return undefined;
  if (condition === undefined || condition.reason === 'NewReplicaSetAvailable') return undefined;
  if (condition.reason === 'ProgressDeadlineExceeded') return undefined;
  const since = timestampMs(condition.lastUpdateTime ?? condition.lastTransitionTime);
  return since === undefined ? undefined : since + seconds * 1000;
}

function progressConditions(
  observed: Observed,
  sets: Sets,
  numbers: Numbers,
  outcome: Outcome,
  given: Condition[],
): Condition[] {
  const { deployment, timestamp, nowMs } = observed;
  if ((deployment.spec.progressDeadlineSeconds ?? noDeadlineSeconds) === noDeadlineSeconds) {
    return given.filter((condition) => condition.type !== 'Progressing');
  }
  const current = findCondition(given, 'Progressing');
  const subject =
    sets.newSet === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${sets.newSet.metadata.name}"`;
  if (deployment.spec.paused === true) {
    if (current?.reason === 'ProgressDeadlineExceeded') return given;
    return withCondition(given, progressing('Unknown', 'DeploymentPaused', 'Deployment is paused'), timestamp);
  }
  if (outcome.createError !== undefined) {
    return withCondition(given, progressing('False', 'ReplicaSetCreateError', outcome.createError), timestamp);
  }
  if (outcome.created !== undefined) {
    return withCondition(
      given,
      progressing('True', 'NewReplicaSetCreated', `Created new replica set "${outcome.created}"`),
      timestamp,
      true,
    );
  }
  const resumed = current?.reason === 'DeploymentPaused';
  if (!resumed && current?.reason === 'NewReplicaSetAvailable' && numbers.replicas === numbers.updatedReplicas)
    return given;
  if (isComplete(deployment, numbers)) {
    return withCondition(
      given,
      progressing('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`),
      timestamp,
    );
  }
  if (madeProgress(deployment.status, numbers)) {
    return withCondition(
      given,
      progressing('True', 'ReplicaSetUpdated', `${subject} is progressing.`),
      timestamp,
      true,
    );
  }
  if (resumed)
    return withCondition(given, progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed'), timestamp);
  if (current === undefined && sets.newSet !== undefined) {
    return withCondition(
      given,
      progressing('True', 'FoundNewReplicaSet', `Found new replica set "${sets.newSet.metadata.name}"`),
      timestamp,
    );
  }
  const deadlineMs = deadlineAtMs(deployment, current);
  if (deadlineMs === undefined || nowMs < deadlineMs) return given;
  return withCondition(
    given,
    progressing('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`),
    timestamp,
  );
}

function availability(deployment: Deployment, numbers: Numbers): Condition {
  const { replicas, maxUnavailable } = boundsOf(deployment);
  return numbers.availableReplicas >= replicas - maxUnavailable
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

/** The ReplicaFailure of the new set, else of an old one that still has pods to make. */
function replicaFailure({ newSet, oldSets }: Sets): Condition | undefined {
  const failing = [...(newSet === undefined ? [] : [newSet]), ...oldSets.filter(isScaledUp)];
  return failing
    .map((set) => findCondition(set.status?.conditions, 'ReplicaFailure'))
    .find((found) => found !== undefined);
}

export function planStatus(observed: Observed, sets: Sets, outcome: Outcome): StatusPlan {
  const { deployment, timestamp, nowMs } = observed;
  const numbers = numbersOf(deployment, sets);
  let conditions = withCondition(deployment.status?.conditions ?? [], availability(deployment, numbers), timestamp);
  conditions = progressConditions(observed, sets, numbers, outcome, conditions);
  const failure = replicaFailure(sets);
  if (failure === undefined) conditions = conditions.filter((condition) => condition.type !== 'ReplicaFailure');
  else conditions = withCondition(conditions, failure, timestamp);
  const collisionCount = (deployment.status?.collisionCount ?? 0) + (outcome.collided === true ? 1 : 0);
  const deadlineMs = deadlineAtMs(deployment, findCondition(conditions, 'Progressing'));
  return {
    status: {
      ...(deployment.metadata.generation === undefined ? {} : { observedGeneration: deployment.metadata.generation }),
      ...numbers,
      conditions,
      ...(collisionCount === 0 ? {} : { collisionCount }),
    },
    requeueAfterMs: deadlineMs === undefined ? undefined : Math.max(1000, deadlineMs - nowMs),
  };
}
