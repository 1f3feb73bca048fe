/** The condition Progressing: whether the roll-out gets on, is over, or has made no progress for too long. */
import { findCondition, timestampMs } from '@timonel/sdk/controller';
import type { Condition, Deployment } from '@timonel/sdk/kube';
import { withCondition } from './conditions.ts';
import { isComplete, type Numbers } from './numbers.ts';

/** What the pass did that the status tells about. */
export interface Done {
  /** The replica set that was created. */
  readonly created?: string | undefined;
  readonly createError?: string | undefined;
}

export interface Progress extends Done {
  readonly deployment: Deployment;
  /** The replica set of the present template. */
  readonly newSetName: string | undefined;
  readonly numbers: Numbers;
  readonly nowMs: number;
  readonly timestamp: string;
}

/** math.MaxInt32: no deadline. */
const noDeadlineSeconds = 2_147_483_647;

export function deadlineSeconds({ spec }: Deployment): number | undefined {
  const seconds = spec.progressDeadlineSeconds ?? noDeadlineSeconds;
  return seconds === noDeadlineSeconds ? undefined : seconds;
}

/** When the deadline of the present state passes, in ms since the epoch; undefined when it does not run. */
export function deadlineAtMs(deployment: Deployment, condition: Condition | undefined): number | undefined {
  const seconds = deadlineSeconds(deployment);
  const isOver = condition?.reason === 'NewReplicaSetAvailable' || condition?.reason === 'ProgressDeadlineExceeded';
  if (seconds === undefined || condition === undefined || isOver || deployment.spec.paused === true) return undefined;
  const since = timestampMs(condition.lastUpdateTime ?? condition.lastTransitionTime);
  return since === undefined ? undefined : since + seconds * 1000;
}

function madeProgress(before: Deployment['status'], now: Numbers): boolean {
  const old = (numbers: Partial<Numbers> | undefined): number =>
    (numbers?.replicas ?? 0) - (numbers?.updatedReplicas ?? 0);
  return (
    now.updatedReplicas > (before?.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    now.readyReplicas > (before?.readyReplicas ?? 0) ||
    now.availableReplicas > (before?.availableReplicas ?? 0)
  );
}

interface Verdict {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
  /** Moves lastUpdateTime on, from which the deadline counts. */
  readonly renew?: boolean;
}

/** Undefined: as before. */
function verdictOf(progress: Progress, current: Condition | undefined): Verdict | undefined {
  const { deployment, newSetName, numbers, created, createError, nowMs } = progress;
  const subject = newSetName === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSetName}"`;
  if (deployment.spec.paused === true) {
    if (current?.reason === 'ProgressDeadlineExceeded') return undefined;
    return { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' };
  }
  if (createError !== undefined) return { status: 'False', reason: 'ReplicaSetCreateError', message: createError };
  if (created !== undefined) {
    const message = `Created new replica set "${created}"`;
    return { status: 'True', reason: 'NewReplicaSetCreated', message, renew: true };
  }
  const resumed = current?.reason === 'DeploymentPaused';
  const wasComplete = current?.reason === 'NewReplicaSetAvailable' && numbers.replicas === numbers.updatedReplicas;
  if (wasComplete) return undefined;
  if (isComplete(deployment, numbers)) {
    return { status: 'True', reason: 'NewReplicaSetAvailable', message: `${subject} has successfully progressed.` };
  }
  if (madeProgress(deployment.status, numbers)) {
    return { status: 'True', reason: 'ReplicaSetUpdated', message: `${subject} is progressing.`, renew: true };
  }
  if (resumed) return { status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  if (current === undefined && newSetName !== undefined) {
    return { status: 'True', reason: 'FoundNewReplicaSet', message: `Found new replica set "${newSetName}"` };
  }
  const deadlineMs = deadlineAtMs(deployment, current);
  if (deadlineMs === undefined || nowMs < deadlineMs) return undefined;
  return { status: 'False', reason: 'ProgressDeadlineExceeded', message: `${subject} has timed out progressing.` };
}

export function withProgress(conditions: readonly Condition[], progress: Progress): readonly Condition[] {
  if (deadlineSeconds(progress.deployment) === undefined)
    return conditions.filter(({ type }) => type !== 'Progressing');
  const verdict = verdictOf(progress, findCondition(conditions, 'Progressing'));
  if (verdict === undefined) return conditions;
  const { renew, ...condition } = verdict;
  return withCondition(conditions, { type: 'Progressing', ...condition }, progress.timestamp, renew);
}
