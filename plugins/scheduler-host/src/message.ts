import type { NodeRejection } from '@timonel/sdk/contracts/scheduler';

/** One line for the PodScheduled condition, worded as the Kubernetes scheduler words it: `0/3 nodes are available: 2 Insufficient cpu.` */
export function unschedulableMessage(nodeCount: number, rejections: readonly NodeRejection[]): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const reasons = rejections.map((rejection) => `${rejection.nodeCount} ${rejection.reason}`).join(', ');
  return `0/${nodeCount} nodes are available: ${reasons}.`;
}
