/**
 * From usage and target to replicas. Source: the algorithm of Kubernetes' page "Horizontal Pod Autoscaling". Pods without samples and
 * pods that are not ready count against the change that is about to be made, so that it comes out smaller, never the other way.
 */
import type { PodGroups } from './pod-groups.ts';

/** By which part usage may be above (`up`) or below (`down`) its target without any change. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export function isWithin({ up, down }: Tolerance, ratio: number): boolean {
  return ratio >= 1 - down && ratio <= 1 + up;
}

export interface PodsProblem {
  readonly current: number;
  readonly groups: PodGroups;
  readonly tolerance: Tolerance;
  /** Of pods that are ready, by name. Not empty. */
  readonly values: ReadonlyMap<string, number>;
  /** Usage of these pods by their target. */
  readonly ratioOf: (values: ReadonlyMap<string, number>) => number;
  /** What a pod without a sample is taken to use when the others use little. */
  readonly fullUse: (pod: string) => number;
}

/** The values with assumptions about the pods that say nothing. */
function assumed(problem: PodsProblem, ratio: number, withUnready: boolean): Map<string, number> {
  const values = new Map(problem.values);
  const { missing, unready } = problem.groups;
  for (const pod of missing) {
    if (ratio < 1) values.set(pod, problem.fullUse(pod));
    else if (ratio > 1) values.set(pod, 0);
  }
  if (withUnready) for (const pod of unready) values.set(pod, 0);
  return values;
}

/** Replicas by a metric of the pods themselves. */
export function replicasFromPods(problem: PodsProblem): number {
  const { current, groups, tolerance, ratioOf } = problem;
  const ratio = ratioOf(problem.values);
  const withUnready = groups.unready.length > 0 && ratio > 1;
  if (!withUnready && groups.missing.length === 0) {
    return isWithin(tolerance, ratio) ? current : Math.ceil(ratio * groups.ready.length);
  }
  const values = assumed(problem, ratio, withUnready);
  const cautious = ratioOf(values);
  const turned = (ratio < 1 && cautious > 1) || (ratio > 1 && cautious < 1);
  if (isWithin(tolerance, cautious) || turned) return current;
  const replicas = Math.ceil(cautious * values.size);
  const isOpposite = (cautious < 1 && replicas > current) || (cautious > 1 && replicas < current);
  return isOpposite ? current : replicas;
}

export interface TotalProblem {
  readonly current: number;
  readonly tolerance: Tolerance;
  readonly ratio: number;
  readonly readyPods: number;
}

/** Replicas by a value that all pods together are to hold at its target. */
export function replicasFromTotal({ current, tolerance, ratio, readyPods }: TotalProblem): number {
  if (current === 0) return Math.ceil(ratio);
  return isWithin(tolerance, ratio) ? current : Math.ceil(ratio * readyPods);
}

/** Replicas by a value of which each pod is to bear its target. */
export function replicasFromShare(usage: number, target: number, replicas: number, tolerance: Tolerance): number {
  return isWithin(tolerance, usage / (target * replicas)) ? replicas : Math.ceil(usage / target);
}
