/** What a node, its pods and their containers use, in more detail than `usage`: for collectors of metrics. */
import type { PodReference } from './index.ts';

/** Since the interface came to be. */
export interface InterfaceStats {
  readonly name: string;
  readonly receivedBytes: number;
  readonly receiveErrors: number;
  readonly sentBytes: number;
  readonly sendErrors: number;
}

export interface MeasuredStats {
  /** ms since the epoch; 0: unknown. */
  readonly startedAt: number;
  /** Since then. */
  readonly cpuUsageNanos: number;
  readonly memoryUsageBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly processes: number;
}

export interface ContainerStatsOfNode extends MeasuredStats {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** What it has written to its present log. */
  readonly logBytes: number;
  /** Bytes and thousandths of a cpu; 0: no limit. */
  readonly memoryLimitBytes: number;
  readonly cpuLimitMillis: number;
}

export interface PodStatsOfNode extends PodReference {
  readonly startedAt: number;
  readonly containers: readonly ContainerStatsOfNode[];
  /** Empty: that of the node, or unknown. */
  readonly network: readonly InterfaceStats[];
}

export interface FilesystemStats {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

export interface NodeStats extends MeasuredStats {
  readonly nodeName: string;
  /** ms since the epoch. */
  readonly time: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly maxProcesses: number;
  readonly network: readonly InterfaceStats[];
  /** That of logs and volumes of pods. */
  readonly filesystem: FilesystemStats;
  readonly pods: readonly PodStatsOfNode[];
}

/** How often a probe of a container that is there came to which result. */
export interface ProbeCount extends PodReference {
  readonly container: string;
  readonly probe: 'Startup' | 'Liveness' | 'Readiness';
  readonly result: 'successful' | 'failed' | 'unknown';
  readonly count: number;
}
