/** Which pods nobody else will ever remove. Pure. */
import { act, findCondition, type Action, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { disruptionTarget, pods, type Node, type Pod } from '@timonel/sdk/kube';

export const outOfServiceTaint = 'node.kubernetes.io/out-of-service';
/** More are left for the next pass. */
const passLimit = 500;

export interface Observed extends Observation<Node> {
  /** Of the node, or without a node. */
  readonly pods: readonly Pod[];
  /** Ended pods beyond the limit, the first to go in front. Only for those without a node. */
  readonly surplus: readonly Pod[];
  /** Undefined: there is a node. Else whether it is gone for good, or how long that is to be waited for. */
  readonly orphaned: { readonly certain: true } | { readonly certain: false; readonly waitMs: number } | undefined;
}

export function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** A finalizer alone keeps it. */
function isRemoved({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
}

export function isOutOfService(node: Node): boolean {
  const taints = (node.spec as Node['spec'] | undefined)?.taints ?? [];
  const ready = findCondition(node.status?.conditions, 'Ready')?.status === 'True';
  return !ready && taints.some(({ key }) => key === outOfServiceTaint);
}

interface Why {
  readonly code: string;
  readonly text: string;
  /** The pod is told that it was not its own fault. */
  readonly disrupted: boolean;
}

function markFailed(pod: Pod, { code, text, disrupted }: Why, timestamp: string): Action {
  const condition = {
    type: disruptionTarget,
    status: 'True',
    reason: 'DeletionByPodGC',
    message: text,
    lastTransitionTime: timestamp,
  };
  const status = { phase: 'Failed', ...(disrupted ? { conditions: [condition] } : {}) };
  const body = { metadata: { uid: pod.metadata.uid }, status };
  const cause = { code, text };
  return act.patch(
    pods,
    pod,
    { type: 'strategic', body },
    { subresource: 'status', fenced: false, independent: true, cause },
  );
}

function removals(doomed: readonly Pod[], why: Why, timestamp: string): Action[] {
  const left = doomed.filter((pod) => !isRemoved(pod)).slice(0, passLimit);
  const cause = { code: why.code, text: why.text };
  return [
    ...left.filter((pod) => !hasEnded(pod)).map((pod) => markFailed(pod, why, timestamp)),
    ...left.map((pod) => act.delete(pods, pod, { options: { gracePeriodSeconds: 0 }, independent: true, cause })),
  ];
}

function ofNode({ subject: node, pods: onNode, timestamp }: Observed): readonly Action[] {
  if (node === undefined || !isOutOfService(node)) return [];
  const going = onNode.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  const text = `node ${node.metadata.name} is out of service and cannot end the pod itself`;
  return removals(going, { code: 'NodeOutOfService', text, disrupted: false }, timestamp);
}

function withoutNode({ pods: unbound, surplus, timestamp }: Observed): readonly Action[] {
  const going = unbound.filter(({ metadata, spec }) => !spec.nodeName && metadata.deletionTimestamp !== undefined);
  const text = 'the pod is being deleted and has no node that would end it';
  const beyond = 'more pods have ended than are to be kept';
  return [
    ...removals(going, { code: 'NeverBound', text, disrupted: false }, timestamp),
    ...removals(surplus, { code: 'TooManyEndedPods', text: beyond, disrupted: false }, timestamp),
  ];
}

export function reconcile(observed: Observed): Reconciliation {
  const { orphaned, timestamp } = observed;
  if (orphaned?.certain === false) return { actions: [], requeueAfterMs: orphaned.waitMs };
  const orphan = { code: 'NodeGone', text: 'the node of the pod is gone', disrupted: true };
  const actions =
    orphaned === undefined
      ? [...ofNode(observed), ...withoutNode(observed)]
      : removals(observed.pods, orphan, timestamp);
  return { actions, requeueAfterMs: actions.length >= passLimit ? 1 : undefined };
}

/** Those that go first: evicted ones, then the oldest. */
export function surplusOf(ended: readonly Pod[], limit: number): readonly Pod[] {
  const kept = ended.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (limit === 0 || kept.length <= limit) return [];
  const rank = ({ status, metadata }: Pod): string =>
    `${status?.reason === 'Evicted' ? 0 : 1} ${metadata.creationTimestamp ?? ''} ${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
  const ranked = kept.map((pod) => ({ pod, rank: rank(pod) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return ranked.slice(0, kept.length - limit).map(({ pod }) => pod);
}
