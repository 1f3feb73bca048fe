import type { SamplingSettings } from './profile.ts';

const defaultAboveNodes = 10_000;
const leastNodes = 100;
const leastPercentage = 5;

/** So many candidates are scored in a cluster of `nodeCount` nodes. Source: kube-scheduler, `percentageOfNodesToScore`. */
export function sampleSize(
  { aboveNodes = defaultAboveNodes, percentage }: SamplingSettings = {},
  nodeCount: number,
): number {
  if (nodeCount <= aboveNodes) return nodeCount;
  const share = percentage ?? Math.max(leastPercentage, 50 - nodeCount / 125);
  return Math.min(nodeCount, Math.max(leastNodes, Math.floor((nodeCount * share) / 100)));
}
