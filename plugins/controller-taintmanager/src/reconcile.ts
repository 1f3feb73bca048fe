/** Which pods have to leave a node. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import {
  act,
  findCondition,
  timestampMs,
  type Action,
  type Observation,
  type Reconciliation,
} from '@timonel/sdk/controller';
import { disruptionTarget, objectKey, pods, type Node, type Pod, type Taint } from '@timonel/sdk/kube';
import { stayOf, type SeenTaint, type Stay } from './tolerance.ts';

export interface Observed extends Observation<Node> {
  /** The taints of the node that make pods leave. */
  readonly taints: readonly SeenTaint[];
  /** On the node, if it has such taints or somebody waited to leave it. */
  readonly pods: readonly Pod[];
  /** Uids of the pods that had to leave later, as the last pass saw it. */
  readonly waited: ReadonlySet<string>;
}

interface Leaving {
  readonly pod: Pod;
  readonly stay: Stay;
}

function ageOnNodeMs(pod: Pod, nowMs: number): number {
  const bound = findCondition(pod.status?.conditions, 'PodScheduled')?.lastTransitionTime;
  const sinceMs = timestampMs(bound ?? pod.metadata.creationTimestamp);
  return sinceMs === undefined ? 0 : Math.max(0, nowMs - sinceMs);
}

/** Those that have to leave, now or later. */
function leavingOf({ pods: onNode, taints, nowMs }: Observed): Leaving[] {
  return onNode.flatMap((pod) => {
    const stay =
      pod.metadata.deletionTimestamp === undefined ? stayOf(pod, taints, ageOnNodeMs(pod, nowMs)) : undefined;
    return stay === undefined ? [] : [{ pod, stay }];
  });
}

/** Uids of the pods that have to leave later. */
export function waitingOf(observed: Observed): ReadonlySet<string> {
  const later = leavingOf(observed).filter(({ stay }) => stay.leftMs > 0);
  return new Set(later.map(({ pod }) => pod.metadata.uid ?? ''));
}

export function taintText({ key, value = '', effect }: Taint): string {
  return `${key}${value === '' ? '' : `=${value}`}:${effect}`;
}

const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

function mark({ pod, stay }: Leaving, timestamp: string): Action {
  const message = `the node has the taint ${taintText(stay.taint)}`;
  const condition = { type: disruptionTarget, status: 'True', reason: 'DeletionByTaintManager', message };
  const status = { conditions: [{ ...condition, lastTransitionTime: timestamp }] };
  const body = { metadata: { uid: pod.metadata.uid }, status };
  const cause = { code: 'NoExecuteTaint', text: message };
  return act.patch(pods, pod, { type: 'strategic', body }, { subresource: 'status', fenced: false, cause });
}

function remove({ pod, stay }: Leaving, node: Node): Action {
  const text = `node ${node.metadata.name} has the taint ${taintText(stay.taint)}`;
  return act.delete(pods, pod, {
    cause: { code: 'NoExecuteTaint', text },
    event: {
      reason: 'TaintManagerEviction',
      message: `pod ${objectKey(pod)} is deleted: ${text}`,
      about: { type: pods, object: pod },
    },
  });
}

function spare(pod: Pod): Action {
  const cause = { code: 'TaintGone', text: `nothing makes pod ${objectKey(pod)} leave any more` };
  const message = `pod ${objectKey(pod)} is not deleted: the node lost the taint, or the pod tolerates it`;
  return act.event(pods, { reason: 'TaintManagerEviction', message, about: { type: pods, object: pod } }, cause);
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject: node, timestamp, waited } = observed;
  if (node === undefined) return { actions: [] };
  const leaving = leavingOf(observed);
  const due = leaving.filter(({ stay }) => stay.leftMs <= 0);
  const later = leaving.filter(({ stay }) => stay.leftMs > 0);
  const uids = new Set(leaving.map(({ pod }) => pod.metadata.uid));
  const spared = observed.pods.filter(
    ({ metadata: { uid = '', deletionTimestamp } }) =>
      deletionTimestamp === undefined && waited.has(uid) && !uids.has(uid),
  );
  return {
    actions: [
      ...due.filter(({ pod }) => !hasEnded(pod)).map((one) => mark(one, timestamp)),
      ...due.map((one) => remove(one, node)),
      ...spared.map(spare),
    ],
    requeueAfterMs: later.length === 0 ? undefined : Math.min(...later.map(({ stay }) => stay.leftMs)),
  };
}

const namesShown = 3;

export function explain(observed: Observed): readonly Cause[] {
  const component = 'controller-taintmanager';
  const later = leavingOf(observed).toSorted((a, b) => a.stay.leftMs - b.stay.leftMs);
  const [first] = later;
  if (first === undefined) return [];
  const names = later.slice(0, namesShown).map(({ pod }) => objectKey(pod));
  const shown = `${names.join(', ')}${later.length > namesShown ? ', …' : ''}`;
  const seconds = Math.max(0, Math.ceil(first.stay.leftMs / 1000));
  const text = `${later.length} pods have to leave for the taint ${taintText(first.stay.taint)}, the first in ${seconds} s: ${shown}`;
  return [{ component, code: 'pods-leave', text, unblock: 'take the taint away, or let the pods tolerate it' }];
}
