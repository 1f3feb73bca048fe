/** Scores for how full a node would be. Source: kubescheduler.config.k8s.io/v1 ScoringStrategy. */
import type { NodeBatch } from '../../contracts/scheduler/index.ts';
import { defaultResources, type ResourceWeight, type ScoredResource } from './resource-amounts.ts';

/** A point of the function from utilisation, 0 … 100, to score, 0 … 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export interface ScoringStrategy {
  /** Default: `LeastAllocated`. */
  readonly type?: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  /** Default: cpu and memory. */
  readonly resources?: readonly ResourceWeight[];
  readonly requestedToCapacityRatio?: { readonly shape?: readonly ShapePoint[] };
}

/** Of one resource: 0 … 100. */
export type AmountScore = (requested: number, allocatable: number) => number;

const highest = 100;
/** Scores of shapes end at 10. */
const shapeFactor = 10;

export function leastAllocated(requested: number, allocatable: number): number {
  return requested > allocatable ? 0 : Math.floor(((allocatable - requested) * highest) / allocatable);
}

export function mostAllocated(requested: number, allocatable: number): number {
  return requested > allocatable ? highest : Math.floor((requested * highest) / allocatable);
}

function interpolated(points: readonly ShapePoint[], utilization: number): number {
  for (const [index, point] of points.entries()) {
    if (utilization > point.utilization) continue;
    const before = points[index - 1];
    if (before === undefined) return point.score;
    const rise = (point.score - before.score) * (utilization - before.utilization);
    return before.score + Math.trunc(rise / (point.utilization - before.utilization));
  }
  return points.at(-1)?.score ?? 0;
}

export function requestedToCapacity(shape: readonly ShapePoint[]): AmountScore {
  const points = shape.map(({ utilization, score }) => ({ utilization, score: score * shapeFactor }));
  const byPercent = Float64Array.from({ length: 101 }, (_, percent) => interpolated(points, percent));
  return (requested, allocatable) =>
    byPercent[requested > allocatable ? 100 : Math.floor((requested * 100) / allocatable)] as number;
}

/** How scores of resources make one of the node. */
export interface AllocationScore {
  readonly resources: readonly ResourceWeight[];
  readonly of: AmountScore;
  /** Resources without a score do not count, and the mean is rounded: as with RequestedToCapacityRatio. */
  readonly skipsZero: boolean;
}

/** @throws Error for a strategy that is unknown or a shape that is not one */
export function allocationScore({
  type = 'LeastAllocated',
  resources,
  requestedToCapacityRatio,
}: ScoringStrategy = {}): AllocationScore {
  const of = checkedResources(resources ?? defaultResources);
  if (type === 'LeastAllocated') return { resources: of, of: leastAllocated, skipsZero: false };
  if (type === 'MostAllocated') return { resources: of, of: mostAllocated, skipsZero: false };
  if (type !== 'RequestedToCapacityRatio') throw new Error(`scoring strategy "${String(type)}" is unknown`);
  return { resources: of, of: requestedToCapacity(checkedShape(requestedToCapacityRatio?.shape)), skipsZero: true };
}

function checkedResources(resources: readonly ResourceWeight[]): readonly ResourceWeight[] {
  for (const { name, weight = 1 } of resources) {
    if (!(weight >= 1 && weight <= 100))
      throw new Error(`resource "${name}" has the weight ${weight}: it must be 1 … 100`);
  }
  return resources;
}

function checkedShape(shape: readonly ShapePoint[] = []): readonly ShapePoint[] {
  if (shape.length === 0) throw new Error('RequestedToCapacityRatio needs a shape of at least one point');
  let before = -1;
  for (const { utilization, score } of shape) {
    if (!(utilization > before && utilization <= 100))
      throw new Error('utilization of a shape must rise within 0 … 100');
    if (!(score >= 0 && score <= shapeFactor)) throw new Error('scores of a shape must be 0 … 10');
    before = utilization;
  }
  return shape;
}

/** Adds the weighted scores of one resource to the sums, and its weight where it counts. */
function addResource(
  { of, skipsZero }: AllocationScore,
  { weight, allocatable, requested, added }: ScoredResource,
  { rows, count }: NodeBatch,
  sums: Float64Array,
  weights: Float64Array,
): void {
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    const room = allocatable[row] as number;
    if (room === 0) continue;
    const score = of((requested[row] as number) + added, room);
    if (skipsZero && score <= 0) continue;
    sums[row] = (sums[row] as number) + score * weight;
    weights[at] = (weights[at] as number) + weight;
  }
}

/** Writes the weighted mean over the resources that a node has. */
export function writeAllocationScores(
  strategy: AllocationScore,
  resources: readonly ScoredResource[],
  nodes: NodeBatch,
  scores: Float64Array,
): void {
  const { rows, count } = nodes;
  const weights = new Float64Array(count);
  for (let at = 0; at < count; at += 1) scores[rows[at] as number] = 0;
  for (const resource of resources) addResource(strategy, resource, nodes, scores, weights);
  const round = strategy.skipsZero ? Math.round : Math.floor;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    const weight = weights[at] as number;
    scores[row] = weight === 0 ? 0 : round((scores[row] as number) / weight);
  }
}
