/** Which pods of a replica set go first when it shrinks. Order as in Kubernetes' controller utilities (ActivePodsWithRanks). */
import { findCondition } from '@timonel/sdk/controller';
import type { Pod } from '@timonel/sdk/kube';

const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

export function isReady(pod: Pod): boolean {
  return findCondition(pod.status?.conditions, 'Ready')?.status === 'True';
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[costAnnotation] ?? '0';
  return /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0;
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount));
}

/** RFC 3339 in UTC with whole seconds: the order of the text is the order in time. Absent counts as newest. */
function youngerFirst(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  return (a ?? '9') > (b ?? '9') ? -1 : 1;
}

function readySince(pod: Pod): string | undefined {
  return findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime;
}

/** The pods, those to delete first in front. Total: equal pods are ordered by name. */
export function deletionOrder(pods: readonly Pod[]): Pod[] {
  const neighbours = new Map<string, number>();
  for (const { spec } of pods) {
    if (spec.nodeName) neighbours.set(spec.nodeName, (neighbours.get(spec.nodeName) ?? 0) + 1);
  }
  const compare = (a: Pod, b: Pod): number =>
    Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
    (phaseOrder[a.status?.phase ?? 'Pending'] ?? 1) - (phaseOrder[b.status?.phase ?? 'Pending'] ?? 1) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    // Where more pods of the set share a node, fewer are missed.
    (neighbours.get(b.spec.nodeName ?? '') ?? 0) - (neighbours.get(a.spec.nodeName ?? '') ?? 0) ||
    (isReady(a) && isReady(b) ? youngerFirst(readySince(a), readySince(b)) : 0) ||
    restarts(b) - restarts(a) ||
    youngerFirst(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
    ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
  return [...pods].sort(compare);
}
