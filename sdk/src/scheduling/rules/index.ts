/** The plugins of the scheduling framework, named and behaving as in Kubernetes 1.35. */
export * from './default-preemption.ts';
export * from './image-locality.ts';
export * from './node-affinity.ts';
export * from './node-name.ts';
export * from './node-ports.ts';
export * from './node-resources-balanced-allocation.ts';
export * from './node-resources-fit.ts';
export * from './node-unschedulable.ts';
export * from './node-volume-limits.ts';
export * from './per-node.ts';
export * from './priority-sort.ts';
export * from './scheduling-gates.ts';
export * from './taint-toleration.ts';
export * from './volume-binding.ts';
export * from './volume-restrictions.ts';
export * from './volume-zone.ts';
export type { ScoringStrategy, ShapePoint } from './allocation-score.ts';
export type { ResourceWeight } from './resource-amounts.ts';
