/** Which pods have to leave a node. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, findCondition, type Action, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { disruptionTarget, objectKey, pods, type Node, type Pod, type Taint } from '@timonel/sdk/kube';
import { stayOf, type PodOnNode, type SeenTaint, type Stay } from './tolerance.ts';

export interface Observed extends Observation<Node> {
  /** The taints of the node that make pods leave. */
  readonly taints: readonly SeenTaint[];
  /** On the node, if it has such taints or somebody waited to leave it. */
  readonly pods: readonly PodOnNode[];
  /** Uids of the pods that had to leave later, as the last pass saw it. */
  readonly waited: ReadonlySet<string>;
}

interface Leaving {
  readonly pod: Pod;
  readonly stay: Stay;
}

/** Those that have to leave, now or later. */
function leavingOf({ pods: onNode, taints }: Observed): Leaving[] {
  return onNode.flatMap((one) => {
    const stay = one.pod.metadata.deletionTimestamp === undefined ? stayOf(one, taints) : undefined;
    return stay === undefined ? [] : [{ pod: one.pod, stay }];
  });
}

/** Whether somebody has to leave now. */
export function isAnyDue(observed: Observed): boolean {
  return leavingOf(observed).some(({ stay }) => stay.leftMs <= 0);
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

const markReason = 'DeletionByTaintManager';

/** By an earlier pass, whose deletion was refused. */
function isMarked({ status }: Pod): boolean {
  const condition = findCondition(status?.conditions, disruptionTarget);
  return condition?.status === 'True' && condition.reason === markReason;
}

function mark({ pod, stay }: Leaving, timestamp: string): Action {
  const message = `the node has the taint ${taintText(stay.taint)}`;
  const condition = { type: disruptionTarget, status: 'True', reason: markReason, message };
  const status = { conditions: [{ ...condition, lastTransitionTime: timestamp }] };
  const body = { metadata: { uid: pod.metadata.uid }, status };
  const cause = { code: 'NoExecuteTaint', text: message };
  return act.patch(
    pods,
    pod,
    { type: 'strategic', body },
    { subresource: 'status', fenced: false, independent: true, cause },
  );
}

function remove({ pod, stay }: Leaving, node: Node): Action {
  const text = `node ${node.metadata.name} has the taint ${taintText(stay.taint)}`;
  return act.delete(pods, pod, {
    independent: true,
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
  const spared = observed.pods.filter(({ pod: { metadata } }) => {
    const { uid = '', deletionTimestamp } = metadata;
    return deletionTimestamp === undefined && waited.has(uid) && !uids.has(uid);
  });
  return {
    actions: [
      ...due.filter(({ pod }) => !hasEnded(pod) && !isMarked(pod)).map((one) => mark(one, timestamp)),
      ...due.map((one) => remove(one, node)),
      ...spared.map(({ pod }) => spare(pod)),
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
