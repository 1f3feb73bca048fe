/** For tests: the policy of a node whose configuration says nothing. */
import type { NodePolicy } from './node-policy.ts';

export const policy: NodePolicy = {
  seccompDefault: true,
  seccompDirectory: '/nonexistent/seccomp',
  podPidsLimit: 0,
  swapBehavior: 'NoSwap',
  memoryQoS: false,
  memoryThrottlingFactor: 0.9,
  podMemoryBytes: undefined,
  nodeMemoryBytes: 4 * 1024 ** 3,
  nodeSwapBytes: 0,
  hugePageSizes: [],
};
