/** What keeps a deployment from being rolled out, the root cause first. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { findCondition, isPodActive, podWaitCauses, readyForTooShort } from '@timonel/sdk/controller';
import { controllerOf, type Deployment, type Pod } from '@timonel/sdk/kube';
import { boundsOf, isRecreate } from './bounds.ts';
import { isComplete, numbersOf, type Numbers } from './numbers.ts';
import type { Observed } from './observe.ts';
import { deadlineSeconds } from './progress.ts';
import { oldPodsLeft } from './reconcile.ts';

const component = 'controller-deployment';

/** Paused, or refused by the API. */
function obstacles(deployment: Deployment, isRolledOut: boolean): Cause[] {
  const conditions = deployment.status?.conditions;
  const progress = findCondition(conditions, 'Progressing');
  const failure = findCondition(conditions, 'ReplicaFailure');
  const command = `kubectl rollout resume deployment/${deployment.metadata.name}`;
  const found: Cause[] = [];
  if (deployment.spec.paused === true && !isRolledOut) {
    found.push({ component, code: 'Paused', text: 'the roll-out is paused (spec.paused)', unblock: command });
  }
  if (progress?.reason === 'ReplicaSetCreateError') {
    found.push({ component, code: progress.reason, text: progress.message ?? 'no replica set can be created' });
  }
  if (failure !== undefined) {
    const { reason = failure.type, message = '' } = failure;
    found.push({
      component,
      code: reason,
      text: `pods cannot be ${reason === 'FailedDelete' ? 'deleted' : 'created'}: ${message}`,
    });
  }
  return found;
}

function deadline(deployment: Deployment): Cause[] {
  const progress = findCondition(deployment.status?.conditions, 'Progressing');
  if (progress?.reason !== 'ProgressDeadlineExceeded') return [];
  const text = `no progress for ${deadlineSeconds(deployment)} s (progressDeadlineSeconds)`;
  const unblock = `mend the template, or kubectl rollout undo deployment/${deployment.metadata.name}`;
  return [{ component, code: progress.reason, text, unblock }];
}

/** How far it is, and what it waits for. */
function step({ subject, sets, pods }: Observed, numbers: Numbers): Cause[] {
  const { replicas, maxSurge, maxUnavailable } = boundsOf(subject);
  const text = `${numbers.updatedReplicas} of ${replicas} pods are of the present template, ${numbers.availableReplicas} pods are available`;
  const left = isRecreate(subject) ? oldPodsLeft(pods(), sets.oldSets).length : 0;
  if (left > 0) {
    return [
      {
        component,
        code: 'Recreate',
        text: `${text}; ${left} pods of earlier templates must end first (strategy Recreate)`,
      },
    ];
  }
  const bounds = `at most ${replicas + maxSurge} pods, at least ${replicas - maxUnavailable} available`;
  return [{ component, code: 'RollingUpdate', text: isRecreate(subject) ? text : `${text}; ${bounds}` }];
}

/** Pods of the present template first: the roll-out waits for them. */
function newestFirst({ sets, pods }: Observed): Pod[] {
  const isNew = (pod: Pod): boolean => controllerOf(pod)?.uid === sets.newSet?.metadata.uid;
  const active = pods().filter(isPodActive);
  return [...active.filter(isNew), ...active.filter((pod) => !isNew(pod))];
}

export function explain(observed: Observed): readonly Cause[] {
  const { subject, sets, nowMs } = observed;
  if (subject.metadata.deletionTimestamp !== undefined) {
    return [{ component, code: 'Deleting', text: 'it is being deleted: nothing is rolled out any more' }];
  }
  const numbers = numbersOf(sets);
  const isRolledOut = isComplete(subject, numbers);
  const pods = newestFirst(observed);
  const blocked = obstacles(subject, isRolledOut);
  if (isRolledOut) return blocked;
  return [
    ...blocked,
    ...podWaitCauses(component, pods),
    ...readyForTooShort(component, pods, subject.spec.minReadySeconds ?? 0, nowMs),
    ...deadline(subject),
    ...(subject.spec.paused === true ? [] : step(observed, numbers)),
  ];
}
