/** What a volume takes. Bytes that are not known are left out. */
export interface VolumeUsage {
  readonly usedBytes: number;
  readonly inodesUsed: number;
  /** What it may take: a pod that goes over it is evicted. Absent: there is no such limit, or the kernel keeps it. */
  readonly limitBytes?: number;
  /** Of the file system that the volume is, or is part of. */
  readonly capacityBytes?: number;
  readonly availableBytes?: number;
  /** Where it lies: `disk` counts as ephemeral storage of the pod, `memory` as its memory, `own` as neither. */
  readonly medium: 'disk' | 'memory' | 'own';
  /** The measuring was cut off at its bound: there is at least so much. */
  readonly isPartial?: boolean;
}
