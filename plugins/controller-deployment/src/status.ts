/** The status of a deployment: numbers and the conditions Available, Progressing, ReplicaFailure. */
import { findCondition, type Outcome, type StatusPlan } from '@timonel/sdk/controller';
import { controllerOf, type Condition, type Deployment, type KubeObject, type ReplicaSet } from '@timonel/sdk/kube';
import { boundsOf } from './bounds.ts';
import { withCondition } from './conditions.ts';
import { setsAfter, type Observed, type Sets } from './observe.ts';
import { numbersOf, type Numbers } from './numbers.ts';
import { deadlineAtMs, withProgress, type Done } from './progress.ts';
import { hasTemplateOf, hashLabel, selectsItsSets } from './revisions.ts';
import { isScaledUp } from './sizes.ts';

type Status = NonNullable<Deployment['status']>;

const soonMs = 1000;

function availability(deployment: Deployment, numbers: Numbers): Condition {
  const { replicas, maxUnavailable } = boundsOf(deployment);
  const isEnough = numbers.availableReplicas >= replicas - maxUnavailable;
  return {
    type: 'Available',
    status: isEnough ? 'True' : 'False',
    reason: isEnough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${isEnough ? 'has' : 'does not have'} minimum availability.`,
  };
}

/** The ReplicaFailure of the new set, else of an old one that still has pods to make. */
function replicaFailure({ newSet, oldSets }: Sets): Condition | undefined {
  const failing = [...(newSet === undefined ? [] : [newSet]), ...oldSets.filter(isScaledUp)];
  return failing
    .map((set) => findCondition(set.status?.conditions, 'ReplicaFailure'))
    .find((found) => found !== undefined);
}

/** Another replica set has the name that the new one was to get: the next pass takes another hash. */
function isCollision(deployment: Deployment, found: KubeObject): boolean {
  const isOwn = controllerOf(found)?.uid === deployment.metadata.uid;
  return !isOwn || !hasTemplateOf(found as ReplicaSet, deployment);
}

function doneBy(deployment: Deployment, { newSet }: Sets, { answers, failure }: Outcome): Done {
  if (newSet === undefined && !selectsItsSets(deployment)) {
    return { createError: `spec.selector must not ask for the label ${hashLabel}: it is the deployment's to set` };
  }
  const [created] = [...answers].filter(([{ do: verb }]) => verb === 'create').map(([, answer]) => answer);
  if (failure?.action.do !== 'create') return { created: created?.metadata.name };
  const { name } = failure.action.object.metadata;
  return { createError: `Failed to create new replica set "${name}": ${failure.message}` };
}

/** For what no event will tell. */
function lookAgainAfter(
  { subject, nowMs }: Observed,
  outcome: Outcome,
  progress: Condition | undefined,
): number | undefined {
  // What had the name was gone when it was looked for.
  if (outcome.existing.length > (outcome.found?.size ?? 0)) return soonMs;
  const deadlineMs = deadlineAtMs(subject, progress);
  return deadlineMs === undefined ? undefined : Math.max(soonMs, deadlineMs - nowMs);
}

export function status(observed: Observed, outcome: Outcome): StatusPlan<Deployment> {
  const { subject, timestamp, nowMs } = observed;
  const sets = setsAfter(observed, outcome);
  const numbers = numbersOf(sets);
  const available = withCondition(subject.status?.conditions ?? [], availability(subject, numbers), timestamp);
  const progressed = withProgress(available, {
    ...doneBy(subject, sets, outcome),
    deployment: subject,
    newSetName: sets.newSet?.metadata.name,
    numbers,
    nowMs,
    timestamp,
  });
  const failure = replicaFailure(sets);
  const conditions =
    failure === undefined
      ? progressed.filter(({ type }) => type !== 'ReplicaFailure')
      : withCondition(progressed, failure, timestamp);
  const collisions = [...(outcome.found ?? [])].filter(([, found]) => isCollision(subject, found)).length;
  const collisionCount = (subject.status?.collisionCount ?? 0) + collisions;
  const next: Status = {
    ...(subject.metadata.generation === undefined ? {} : { observedGeneration: subject.metadata.generation }),
    ...numbers,
    conditions: [...conditions],
    ...(collisionCount === 0 ? {} : { collisionCount }),
  };
  return { status: next, requeueAfterMs: lookAgainAfter(observed, outcome, findCondition(conditions, 'Progressing')) };
}
