/**
 * Which of several refusals is the root cause. What alone stands between the pod and a node goes before what is only one of several
 * obstacles. Of those, what the pod could have had (room, a healthy node) goes before what keeps pods apart, that before taints, and
 * last come nodes that the pod does not mean at all: of another kind, or without the label that it asks for.
 */
import type { ExplainedRejection } from '@timonel/sdk/contracts/scheduler';

export interface Weighed {
  readonly rejection: ExplainedRejection;
  /** Nodes that would take the pod without this refusal; undefined: not known. */
  readonly alone: number | undefined;
  /** The same if everything that the plugin finds fault with were gone. */
  readonly aloneByPlugin: number | undefined;
}

const healthTaint = /^node\.(cloudprovider\.)?kubernetes\.io\//;
const relations: ReadonlySet<string> = new Set(['InterPodAffinity', 'PodTopologySpread']);

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The node itself is out of order, or taken out of service. */
export function isHealth({ plugin, detail }: ExplainedRejection): boolean {
  if (plugin === 'NodeUnschedulable') return true;
  return plugin === 'TaintToleration' && healthTaint.test(textOf(detail['key']));
}

function tierOf(rejection: ExplainedRejection): number {
  const { plugin, code, resolvable } = rejection;
  if (code === 'pre-filter') return 4;
  if (isHealth(rejection)) return 0;
  if (resolvable && relations.has(plugin)) return 1;
  if (resolvable) return 0;
  return plugin === 'TaintToleration' ? 2 : 3;
}

/** 0: nothing else is in the way. 1: nothing else but what the same plugin says. 2: more is. */
function levelOf({ alone, aloneByPlugin, rejection }: Weighed): number {
  if (alone === undefined && aloneByPlugin === undefined) return rejection.code === 'pre-filter' ? 2 : 0;
  if ((alone ?? 0) > 0) return 0;
  return (aloneByPlugin ?? 0) > 0 ? 1 : 2;
}

function shortage({ detail }: ExplainedRejection): number {
  const [short, requested] = [Number(detail['short']), Number(detail['requested'])];
  return requested > 0 && Number.isFinite(short) ? short / requested : 0;
}

/** The root cause first. */
export function byRoot(weighed: readonly Weighed[]): Weighed[] {
  const helped = ({ alone, aloneByPlugin, rejection }: Weighed): number =>
    alone || aloneByPlugin || rejection.nodeCount;
  return weighed.toSorted(
    (a, b) =>
      levelOf(a) - levelOf(b) ||
      tierOf(a.rejection) - tierOf(b.rejection) ||
      helped(b) - helped(a) ||
      Number(b.rejection.resolvable) - Number(a.rejection.resolvable) ||
      shortage(b.rejection) - shortage(a.rejection) ||
      b.rejection.nodeCount - a.rejection.nodeCount,
  );
}
