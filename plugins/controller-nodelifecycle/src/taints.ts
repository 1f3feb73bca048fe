/** Which taints the state of a node asks for. Source: Kubernetes, "Taints and Tolerations", taint based evictions and by condition. */
import { findCondition } from '@timonel/sdk/controller';
import { notReadyTaint, type Node, type Taint } from '@timonel/sdk/kube';

export const unreachableTaint = 'node.kubernetes.io/unreachable';
const unschedulableTaint = 'node.kubernetes.io/unschedulable';

const byCondition: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};
const owned: ReadonlySet<string> = new Set([
  notReadyTaint,
  unreachableTaint,
  unschedulableTaint,
  ...Object.values(byCondition),
]);

export function taintsOf(node: Node): readonly Taint[] {
  return (node.spec as Node['spec'] | undefined)?.taints ?? [];
}

export function isReady(node: Node): boolean {
  return findCondition(node.status?.conditions, 'Ready')?.status === 'True';
}

/** Undefined: the node is ready, or is new and has not said as yet. */
export function lostTaint(node: Node): string | undefined {
  const status = findCondition(node.status?.conditions, 'Ready')?.status;
  if (status === undefined || status === 'True') return undefined;
  return status === 'Unknown' ? unreachableTaint : notReadyTaint;
}

/** It is new and has not said as yet, and has the taint of that from its creation. */
function isUnheard(node: Node): boolean {
  const isMarked = taintsOf(node).some(({ key, effect }) => key === notReadyTaint && effect === 'NoSchedule');
  return isMarked && findCondition(node.status?.conditions, 'Ready') === undefined;
}

/** Keys of the NoSchedule taints that the node should have. */
function keptOut(node: Node): string[] {
  const keys = Object.entries(byCondition)
    .filter(([type]) => findCondition(node.status?.conditions, type)?.status === 'True')
    .map(([, key]) => key);
  const lost = lostTaint(node) ?? (isUnheard(node) ? notReadyTaint : undefined);
  if (lost !== undefined) keys.unshift(lost);
  if ((node.spec as Node['spec'] | undefined)?.unschedulable === true) keys.push(unschedulableTaint);
  return keys;
}

/** The taint of ours that makes pods leave. */
export function evictingTaint(node: Node): Taint | undefined {
  return taintsOf(node).find(
    ({ key, effect }) => effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint),
  );
}

/** `keep`: the node has one if it is not ready, but does not get a new one. */
export type Evicting = 'add' | 'keep' | 'remove';

function evictingKey(node: Node, evicting: Evicting): string | undefined {
  const lost = lostTaint(node);
  if (lost === undefined || evicting === 'remove') return undefined;
  return evicting === 'add' || evictingTaint(node) !== undefined ? lost : undefined;
}

function isOwned({ key, effect }: Taint): boolean {
  if (effect === 'NoExecute') return key === notReadyTaint || key === unreachableTaint;
  return effect === 'NoSchedule' && owned.has(key);
}

/** The taints that the node should have: those of others as they are. Undefined: it has them. */
export function wantedTaints(node: Node, evicting: Evicting, timestamp: string): Taint[] | undefined {
  const evicts = evictingKey(node, evicting);
  const wanted = [
    ...keptOut(node).map((key) => ({ key, effect: 'NoSchedule' })),
    ...(evicts === undefined ? [] : [{ key: evicts, effect: 'NoExecute' }]),
  ];
  const present = taintsOf(node);
  const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  const kept = present.filter((taint) => !isOwned(taint) || wanted.some((other) => same(taint, other)));
  const added = wanted.filter((taint) => !present.some((other) => same(taint, other)));
  if (added.length === 0 && kept.length === present.length) return undefined;
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: timestamp }))];
}
