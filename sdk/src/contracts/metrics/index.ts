/** What pods and nodes use, for `kubectl top` and autoscalers; and metrics as text. Metrics themselves: `ctx.metrics` of a plugin. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

export * from './custom.ts';
export * from './exposition.ts';

/** Resources in use over a window: an average of cpu, the last figure of memory. */
export interface ResourceUse {
  /** Cores. */
  readonly cpu: number;
  readonly memoryBytes: number;
}

/** When and over which time usage was measured. */
export interface UseWindow {
  /** The end of the window: ms since the epoch. */
  readonly time: number;
  readonly windowMs: number;
}

export interface NodeUse extends UseWindow {
  readonly name: string;
  readonly use: ResourceUse;
}

export interface ContainerUse {
  readonly name: string;
  readonly use: ResourceUse;
}

export interface PodUse extends UseWindow {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly containers: readonly ContainerUse[];
}

/** What is in use in the cluster. Figures are some seconds old; objects without fresh figures are left out. */
export interface ResourceMetrics {
  /** False: nothing has been measured over a window yet, by this process. */
  ready(): boolean;
  nodes(): readonly NodeUse[];
  /** Of one namespace, or of all. */
  pods(namespace?: string): readonly PodUse[];
}

/** Token of {@link ResourceMetrics}: what autoscalers in this process read. */
export const resourceMetrics: ServiceToken<ResourceMetrics, 'one'> = defineService<ResourceMetrics>(
  'metrics.resources',
  { major: 1, cardinality: 'one', sync: ['ready', 'nodes', 'pods'] },
);
