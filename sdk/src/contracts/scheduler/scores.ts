/** Score rules: 0 is worst, 100 best. Formulas are those of the Kubernetes scheduler plugins of the same names. */
import type { PendingPod } from './index.ts';
import { nodeMatchesTerm, tolerates } from './filters.ts';
import type { Candidates, ScoreRule, WorkingNodes } from './framework.ts';

type ScoreOfNode = (index: number) => number;

function eachCandidate(count: number, candidates: Candidates, scores: Float64Array, scoreOf: ScoreOfNode): void {
  for (let index = 0; index < count; index += 1) if (candidates.isIn(index)) scores[index] = scoreOf(index);
}

/** The share of a node that would be requested with this pod on it: [cpu, memory], each 0 … 1. */
function shares(index: number, { request }: PendingPod, nodes: WorkingNodes): [number, number] {
  const share = (requested: number, allocatable: number): number =>
    allocatable <= 0 ? 1 : Math.min(1, requested / allocatable);
  return [
    share((nodes.requestedMilliCpu[index] ?? 0) + request.milliCpu, nodes.table.allocatableMilliCpu[index] ?? 0),
    share(
      (nodes.requestedMemoryBytes[index] ?? 0) + request.memoryBytes,
      nodes.table.allocatableMemoryBytes[index] ?? 0,
    ),
  ];
}

/** Prefers nodes with much left. */
export function leastAllocated(weight: number): ScoreRule {
  return {
    name: 'NodeResourcesFit/LeastAllocated',
    weight,
    score(pending, nodes, candidates, scores) {
      eachCandidate(nodes.table.count, candidates, scores, (index) => {
        const [cpu, memory] = shares(index, pending, nodes);
        return ((1 - cpu + (1 - memory)) / 2) * 100;
      });
    },
  };
}

/** Prefers nodes with little left, so that others stay empty. */
export function mostAllocated(weight: number): ScoreRule {
  return {
    name: 'NodeResourcesFit/MostAllocated',
    weight,
    score(pending, nodes, candidates, scores) {
      eachCandidate(nodes.table.count, candidates, scores, (index) => {
        const [cpu, memory] = shares(index, pending, nodes);
        return ((cpu + memory) / 2) * 100;
      });
    },
  };
}

/** Prefers nodes on which cpu and memory are used evenly. */
export function balancedAllocation(weight: number): ScoreRule {
  return {
    name: 'NodeResourcesBalancedAllocation',
    weight,
    score(pending, nodes, candidates, scores) {
      eachCandidate(nodes.table.count, candidates, scores, (index) => {
        const [cpu, memory] = shares(index, pending, nodes);
        return (1 - Math.abs(cpu - memory) / 2) * 100;
      });
    },
  };
}

/** Counts pods, for pods that ask for nothing: fewer is better. */
export function fewestPods(weight: number): ScoreRule {
  return {
    name: 'FewestPods',
    weight,
    score(_pending, nodes, candidates, scores) {
      eachCandidate(nodes.table.count, candidates, scores, (index) => {
        const room = nodes.table.allocatablePods[index] ?? 0;
        return room <= 0 ? 0 : (1 - Math.min(1, (nodes.podCount[index] ?? 0) / room)) * 100;
      });
    },
  };
}

/** More pods on a node is better, up to its bound. */
export function mostPods(weight: number): ScoreRule {
  return {
    name: 'MostPods',
    weight,
    score(_pending, nodes, candidates, scores) {
      eachCandidate(nodes.table.count, candidates, scores, (index) => {
        const room = nodes.table.allocatablePods[index] ?? 0;
        return room <= 0 ? 0 : Math.min(1, (nodes.podCount[index] ?? 0) / room) * 100;
      });
    },
  };
}

/** Scales so that the highest raw value becomes 100, or with `reverse` 0. */
function normalise(count: number, candidates: Candidates, scores: Float64Array, reverse: boolean): void {
  let top = 0;
  for (let index = 0; index < count; index += 1) if (candidates.isIn(index)) top = Math.max(top, scores[index] ?? 0);
  for (let index = 0; index < count; index += 1) {
    if (!candidates.isIn(index)) continue;
    const share = top === 0 ? 0 : (scores[index] ?? 0) / top;
    scores[index] = (reverse ? 1 - share : share) * 100;
  }
}

/** Prefers nodes that match more of the pod's preferred node affinity, by weight. */
export function preferredNodeAffinity(weight: number): ScoreRule {
  return {
    name: 'NodeAffinity',
    weight,
    score({ pod }, { table }, candidates, scores) {
      const terms = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      if (terms.length === 0) return;
      eachCandidate(table.count, candidates, scores, (index) => {
        const node = table.nodes[index];
        if (node === undefined) return 0;
        return terms.reduce((sum, term) => sum + (nodeMatchesTerm(node, term.preference) ? term.weight : 0), 0);
      });
      normalise(table.count, candidates, scores, false);
    },
  };
}

/** Prefers nodes with fewer PreferNoSchedule taints that the pod does not tolerate. */
export function preferredTaints(weight: number): ScoreRule {
  return {
    name: 'TaintToleration',
    weight,
    score({ pod }, { table }, candidates, scores) {
      const tolerations = pod.spec.tolerations ?? [];
      eachCandidate(table.count, candidates, scores, (index) => {
        const taints = table.nodes[index]?.spec.taints ?? [];
        return taints.filter(
          (taint) =>
            taint.effect === 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint)),
        ).length;
      });
      normalise(table.count, candidates, scores, true);
    },
  };
}
