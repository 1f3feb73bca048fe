/**
 * Which pods go first when there are too many: those that are worth least to whoever uses them. The order is that of Kubernetes
 * (KEP-2255 deletion cost, KEP-2185 logarithms of ages), but total: what it leaves to chance is decided by the uid.
 */
import type { Pod } from '../../kube/index.ts';
import { isPodActive, isPodReady } from '../pod-state.ts';
import { findCondition } from '../status.ts';
import { timestampMs } from '../timestamps.ts';

const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** 0 when there is none or it is no 32-bit integer. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[costAnnotation] ?? '0';
  const cost = /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0;
  return cost >= -(2 ** 31) && cost < 2 ** 31 ? cost : 0;
}

interface Restarts {
  readonly containers: number;
  readonly sidecars: number;
}

function restartsOf({ spec, status }: Pod): Restarts {
  const sidecars = new Set(
    (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  const most = (statuses: readonly { readonly restartCount: number }[]): number =>
    Math.max(0, ...statuses.map(({ restartCount }) => restartCount));
  return {
    containers: most(status?.containerStatuses ?? []),
    sidecars: most((status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name))),
  };
}

/**
 * Ages of the same order of magnitude are equal, so that shrinking does not always take the pods of the newest nodes. A time that
 * is absent comes before all others, then the time that is now or to come.
 */
function magnitude(time: string | undefined, nowMs: number): number {
  const sinceMs = timestampMs(time);
  if (sinceMs === undefined) return -2;
  const age = nowMs - sinceMs;
  return age <= 0 ? -1 : Math.floor(Math.log2(age * 1e6));
}

interface Ranked {
  readonly pod: Pod;
  /** In the order in which they count; the smaller goes first. */
  readonly ranks: readonly number[];
}

function ranked(pod: Pod, neighbours: number, nowMs: number): Ranked {
  const ready = isPodReady(pod);
  const restarts = restartsOf(pod);
  const readySince = ready ? findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime : undefined;
  const ranks = [
    Number(Boolean(pod.spec.nodeName)),
    phaseOrder[pod.status?.phase ?? 'Pending'] ?? 1,
    Number(ready),
    deletionCost(pod),
    // Where more of them share a node, fewer are missed.
    -neighbours,
    ready ? magnitude(readySince, nowMs) : 0,
    -restarts.containers,
    -restarts.sidecars,
    magnitude(pod.metadata.creationTimestamp, nowMs),
  ];
  return { pod, ranks };
}

function compare(a: Ranked, b: Ranked): number {
  const at = a.ranks.findIndex((rank, index) => rank !== b.ranks[index]);
  if (at >= 0) return (a.ranks[at] ?? 0) - (b.ranks[at] ?? 0);
  return (a.pod.metadata.uid ?? '') < (b.pod.metadata.uid ?? '') ? -1 : 1;
}

/** The pods, those to delete first in front. `related`: all pods that do the same work, these among them. */
export function deletionOrder(pods: readonly Pod[], related: readonly Pod[], nowMs: number): Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of related.filter(isPodActive)) {
    const { nodeName = '' } = spec;
    perNode.set(nodeName, (perNode.get(nodeName) ?? 0) + 1);
  }
  return pods
    .map((pod) => ranked(pod, perNode.get(pod.spec.nodeName ?? '') ?? 0, nowMs))
    .toSorted(compare)
    .map(({ pod }) => pod);
}
