import { skip, success, type NodeBatch, type SchedulingPlugin } from '../../contracts/scheduler/index.ts';
import {
  defaultResources,
  requestOf,
  scoredResources,
  type ResourceWeight,
  type ScoredResource,
} from './resource-amounts.ts';

/** Source: kubescheduler.config.k8s.io/v1 NodeResourcesBalancedAllocationArgs. */
export interface NodeResourcesBalancedAllocationConfig {
  /** Default: cpu and memory. */
  readonly resources?: readonly ResourceWeight[];
}

/** How far the utilisations of a node's resources lie apart: their standard deviation. */
function deviation(resources: readonly ScoredResource[], row: number): number {
  let count = 0;
  let sum = 0;
  for (const resource of resources) {
    const fraction = fractionOf(resource, row);
    if (fraction === undefined) continue;
    count += 1;
    sum += fraction;
  }
  if (count < 2) return 0;
  const mean = sum / count;
  let squares = 0;
  for (const resource of resources) {
    const fraction = fractionOf(resource, row);
    if (fraction !== undefined) squares += (fraction - mean) ** 2;
  }
  return Math.sqrt(squares / count);
}

/** undefined: the node does not have the resource. */
function fractionOf({ allocatable, requested, added }: ScoredResource, row: number): number | undefined {
  const room = allocatable[row] as number;
  return room === 0 ? undefined : Math.min(1, ((requested[row] as number) + added) / room);
}

const score = (apart: number): number => Math.trunc((1 - apart) * 100);

/** The usual case: the deviation of two is half their distance. */
function writeTwo(a: ScoredResource, b: ScoredResource, { rows, count }: NodeBatch, scores: Float64Array): void {
  const { allocatable: roomA, requested: usedA, added: addedA } = a;
  const { allocatable: roomB, requested: usedB, added: addedB } = b;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    const [ofA, ofB] = [roomA[row] as number, roomB[row] as number];
    const fractionA = Math.min(1, ((usedA[row] as number) + addedA) / ofA);
    const fractionB = Math.min(1, ((usedB[row] as number) + addedB) / ofB);
    scores[row] = ofA === 0 || ofB === 0 ? 100 : score(Math.abs((fractionA - fractionB) / 2));
  }
}

function write(resources: readonly ScoredResource[], nodes: NodeBatch, scores: Float64Array): void {
  const [a, b] = resources;
  if (resources.length === 2 && a !== undefined && b !== undefined) return writeTwo(a, b, nodes, scores);
  for (let at = 0; at < nodes.count; at += 1) {
    const row = nodes.rows[at] as number;
    scores[row] = score(deviation(resources, row));
  }
}

/** Prefers nodes whose resources would be used evenly. */
export function nodeResourcesBalancedAllocation({
  resources = defaultResources,
}: NodeResourcesBalancedAllocationConfig = {}): SchedulingPlugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    requeueHints: [],
    // A pod that asks for nothing would go to the most even node, however full, and the next as well.
    preScore: ({ class: { request } }) => ({
      status: resources.every(({ name }) => requestOf(request, name) === 0) ? skip : success,
    }),
    score: (pod, nodes, scores) => write(scoredResources(resources, pod.class, nodes.view, false), nodes, scores),
  };
}
