import type { Node } from '../../kube/index.ts';
import { milliCpu, wholeQuantity } from '../../kube/index.ts';
import {
  type ClusterView,
  type NodeBatch,
  type PodInfo,
  type PodRequest,
  type SchedulingPlugin,
} from '../../contracts/scheduler/index.ts';
import { allocationScore, writeAllocationScores, type ScoringStrategy } from './allocation-score.ts';
import { requestOf, scoredResources } from './resource-amounts.ts';
import { explainShortage, FitReasons, tooManyPods } from './shortage.ts';

/** Source: kubescheduler.config.k8s.io/v1 NodeResourcesFitArgs. */
export interface NodeResourcesFitConfig {
  /** Extended resources that do not count. */
  readonly ignoredResources?: readonly string[];
  /** The same by what stands before the slash. */
  readonly ignoredResourceGroups?: readonly string[];
  readonly scoringStrategy?: ScoringStrategy;
}

/** A resource that the pod asks for, with the columns of nodes. */
interface Wanted {
  readonly resource: string;
  readonly amount: number;
  readonly allocatable: Float64Array;
  readonly requested: Float64Array;
}

const native = ['cpu', 'memory', 'ephemeral-storage'];

type Ignores = (resource: string) => boolean;

function ignoring({ ignoredResources = [], ignoredResourceGroups = [] }: NodeResourcesFitConfig): Ignores {
  const names = new Set(ignoredResources);
  const groups = new Set(ignoredResourceGroups);
  return (resource) => names.has(resource) || groups.has(resource.split('/', 1)[0] ?? '');
}

function wantedNames(request: PodRequest, ignores: Ignores): string[] {
  const extended = Object.keys(request.extended).filter((resource) => !ignores(resource));
  return [...native, ...extended].filter((resource) => requestOf(request, resource) > 0);
}

function wantedOf(request: PodRequest, view: ClusterView, ignores: Ignores): Wanted[] {
  return wantedNames(request, ignores).map((resource) => ({
    resource,
    amount: requestOf(request, resource),
    allocatable: view.allocatable(resource),
    requested: view.requested(resource),
  }));
}

const nodeAmount = (node: Node, resource: string): number => {
  const amount = node.status?.allocatable?.[resource];
  if (amount === undefined) return 0;
  return (resource === 'cpu' ? milliCpu(amount) : wholeQuantity(amount)) ?? 0;
};

/** Whether a node, with no pods on it, has enough. */
function fitsEmpty({ class: { request } }: PodInfo, node: Node, ignores: Ignores): boolean {
  if (nodeAmount(node, 'pods') < 1) return false;
  return wantedNames(request, ignores).every((resource) => nodeAmount(node, resource) >= requestOf(request, resource));
}

/** Whether the node has more of something that the pod asks for. */
function hasGrown({ class: { request } }: PodInfo, node: Node, old: Node, ignores: Ignores): boolean {
  return ['pods', ...wantedNames(request, ignores)].some(
    (resource) => nodeAmount(node, resource) > nodeAmount(old, resource),
  );
}

function hasShrunk(now: PodInfo, old: PodInfo): boolean {
  const before = old.class.request;
  const resources = [...native, ...Object.keys(before.extended)];
  return resources.some((resource) => requestOf(now.class.request, resource) < requestOf(before, resource));
}

/** Rows where something is short, each resource with a reason of its own. */
function rejectShort(
  wanted: readonly Wanted[],
  { rows, count, view }: NodeBatch,
  reject: (row: number, resource: string, oversized: boolean) => void,
): void {
  const { allocatablePods, podCount } = view;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    if ((podCount[row] as number) + 1 > (allocatablePods[row] as number)) reject(row, 'pods', false);
  }
  for (const { resource, amount, allocatable, requested } of wanted) {
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      const room = allocatable[row] as number;
      if (amount > room - (requested[row] as number)) reject(row, resource, amount > room);
    }
  }
}

/** A node must have what the pod asks for; how full it becomes is its score. */
export function nodeResourcesFit(config: NodeResourcesFitConfig = {}): SchedulingPlugin {
  const ignores = ignoring(config);
  const strategy = allocationScore(config.scoringStrategy);
  const reasons = new FitReasons();
  return {
    name: 'NodeResourcesFit',
    requeueHints: [
      { event: 'pod-removed' },
      { event: 'pod-updated', helps: (_, event) => event.kind === 'pod-updated' && hasShrunk(event.pod, event.old) },
      {
        event: 'node-added',
        helps: (pod, event) => event.kind === 'node-added' && fitsEmpty(pod, event.node, ignores),
      },
      {
        event: 'node-updated',
        helps: (pod, event) =>
          event.kind === 'node-updated' &&
          fitsEmpty(pod, event.node, ignores) &&
          hasGrown(pod, event.node, event.old, ignores),
      },
    ],
    filter: ({ class: { request } }, nodes, verdicts) => {
      rejectShort(wantedOf(request, nodes.view, ignores), nodes, (row, resource, oversized) => {
        verdicts.reject(row, resource === 'pods' ? tooManyPods : reasons.of(resource, oversized));
      });
    },
    explain: (pod, nodes, reason) => explainShortage(pod, nodes, reasons.resourceOf(reason)),
    score: (pod, nodes, scores) => {
      const resources = scoredResources(strategy.resources, pod.class, nodes.view, true);
      writeAllocationScores(strategy, resources, nodes, scores);
    },
  };
}
