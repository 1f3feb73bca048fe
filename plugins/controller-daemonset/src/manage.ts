/** One pod on each node that should have one, none elsewhere: what each node needs for that. */
import { isPodReady, type ActionCause } from '@timonel/sdk/controller';
import type { DaemonSet, Pod } from '@timonel/sdk/kube';
import { hasEnded, isAvailable, isTerminating, type Assessment, type Observed, type Place } from './assess.ts';
import { allowsSurge } from './bounds.ts';

export interface Deletion {
  readonly pod: Pod;
  readonly cause: ActionCause;
  /** What is told about it beside the deletion. */
  readonly told?: { readonly reason: string; readonly kind: 'Normal' | 'Warning'; readonly message: string };
}

export interface NodeWork {
  readonly place: Place;
  readonly create: ActionCause | undefined;
  readonly deletions: readonly Deletion[];
  /** When an ended pod may be replaced. */
  readonly dueMs?: number;
}

function endedPod(set: DaemonSet, pod: Pod, place: Place): Deletion {
  const failed = pod.status?.phase === 'Failed';
  const { namespace, name } = pod.metadata;
  const word = failed ? 'failed' : 'succeeded';
  return {
    pod,
    cause: { code: failed ? 'PodFailed' : 'PodSucceeded', text: `${name} on ${place.name} has ${word}` },
    told: {
      reason: failed ? 'FailedDaemonPod' : 'SucceededDaemonPod',
      kind: failed ? 'Warning' : 'Normal',
      message: `Found ${word} daemon pod ${namespace ?? set.metadata.namespace}/${name} on node ${place.name}, will try to ${failed ? 'kill' : 'delete'} it`,
    },
  };
}

/** More than one pod runs on the node: which of them go. */
function surplus(observed: Observed, { isUpToDate }: Assessment, { name }: Place, running: readonly Pod[]): Deletion[] {
  const { subject: set, nowMs } = observed;
  const cause: ActionCause = { code: 'SurplusPod', text: `another pod serves ${name}` };
  if (running.length < 2) return [];
  if (!allowsSurge(set)) return running.slice(1).map((pod) => ({ pod, cause }));
  const [newest, ...otherNew] = running.filter(isUpToDate);
  const [oldest, ...otherOld] = running.filter((pod) => !isUpToDate(pod));
  const deletions: Deletion[] = [...otherNew, ...otherOld].map((pod) => ({ pod, cause }));
  if (newest === undefined || oldest === undefined) return deletions;
  if (!isPodReady(oldest) || isAvailable(set, newest, nowMs)) {
    const text = `${newest.metadata.name} of the newest template takes its place on ${name}`;
    deletions.push({ pod: oldest, cause: { code: 'Replaced', text } });
  }
  return deletions;
}

export function manageNode(observed: Observed, seen: Assessment, place: Place): NodeWork {
  const { subject: set, nowMs, endedDueMs } = observed;
  const { name, pods } = place;
  if (pods.length === 0) {
    const create = place.shouldRun ? { code: 'PodMissing', text: `node ${name} has no pod` } : undefined;
    return { place, create, deletions: [] };
  }
  const living = pods.filter((pod) => !isTerminating(pod));
  if (!place.mayStay) {
    const cause = { code: 'NodeNotEligible', text: `node ${name} does not match any more` };
    return { place, create: undefined, deletions: living.map((pod) => ({ pod, cause })) };
  }
  const due = (pod: Pod): number => endedDueMs.get(pod.metadata.uid ?? '') ?? nowMs;
  const ended = living.filter(hasEnded);
  const deletions = ended.filter((pod) => due(pod) <= nowMs).map((pod) => endedPod(set, pod, place));
  const later = ended.map(due).filter((time) => time > nowMs);
  const running = living.filter((pod) => !hasEnded(pod));
  deletions.push(...surplus(observed, seen, place, running));
  const timed = later.length === 0 ? {} : { dueMs: Math.min(...later) };
  return { place, create: undefined, deletions, ...timed };
}
