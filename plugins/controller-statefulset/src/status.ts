import type { StatusPlan } from '@timonel/sdk/controller';
import type { Pod, StatefulSet } from '@timonel/sdk/kube';
import { assess, availableAtMs, isReady, isRolling, isTerminating, type Observed } from './assess.ts';
import { revisionOfPod } from './identity.ts';

type Status = NonNullable<StatefulSet['status']>;

function ofRevision(members: readonly Pod[], name: string): number {
  return members.filter((pod) => !isTerminating(pod) && revisionOfPod(pod) === name).length;
}

/** When every pod is of the newest revision and ready, that is the current one. */
function completed(set: StatefulSet, status: Status): Status {
  const wanted = set.spec.replicas ?? 1;
  const all = [status.updatedReplicas, status.readyReplicas, status.replicas].every((count) => count === wanted);
  if (!isRolling(set) || !all) return status;
  return {
    ...status,
    currentReplicas: wanted,
    ...(status.updateRevision === undefined ? {} : { currentRevision: status.updateRevision }),
  };
}

export function planStatus(observed: Observed): StatusPlan<StatefulSet> {
  const { subject: set, nowMs } = observed;
  const { members, update, current } = assess(observed);
  const before = set.status;
  if (update === undefined) {
    const collisionCount = (before?.collisionCount ?? 0) + 1;
    return { status: { replicas: members.length, availableReplicas: 0, ...before, collisionCount } };
  }
  const times = members.map((pod) => availableAtMs(set, pod, nowMs));
  const later = times.filter((time) => time !== undefined && time > nowMs) as number[];
  const currentName = current?.name ?? update.name;
  const status: Status = {
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    replicas: members.length,
    readyReplicas: members.filter(isReady).length,
    availableReplicas: times.filter((time) => time !== undefined && time <= nowMs).length,
    currentReplicas: ofRevision(members, currentName),
    updatedReplicas: ofRevision(members, update.name),
    currentRevision: currentName,
    updateRevision: update.name,
    collisionCount: before?.collisionCount ?? 0,
    ...(before?.conditions === undefined ? {} : { conditions: before.conditions }),
  };
  return {
    status: completed(set, status),
    requeueAfterMs: later.length === 0 ? undefined : Math.min(...later) - nowMs,
  };
}
