/** What the node's configuration says of the containers of all pods. */
export interface NodePolicy {
  /** System calls of containers that say nothing: RuntimeDefault in place of Unconfined. */
  readonly seccompDefault: boolean;
  /** Where profiles of type Localhost lie. Absolute. */
  readonly seccompDirectory: string;
  /** Processes of one pod; 0: no limit. */
  readonly podPidsLimit: number;
  readonly swapBehavior: 'NoSwap' | 'LimitedSwap';
  /** Memory requests are kept from reclaim. */
  readonly memoryQoS: boolean;
  /** Of `memoryQoS`: where between request and limit throttling begins. */
  readonly memoryThrottlingFactor: number;
  readonly nodeMemoryBytes: number;
  /** What pods may use together; undefined: all of it. */
  readonly podMemoryBytes: number | undefined;
  readonly nodeSwapBytes: number;
  /** Sizes of huge pages that the node has, as Kubernetes names them: `2Mi`. */
  readonly hugePageSizes: readonly string[];
}
