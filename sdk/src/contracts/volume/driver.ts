/** What drivers of PersistentVolumes are asked, and what they answer. */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../kube/index.ts';
import type { VolumeNode } from './node.ts';

export interface VolumePod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface VolumeMountRequest {
  readonly pod: VolumePod;
  /** Name of the volume in the pod. */
  readonly name: string;
  /** Bound to the claim that the pod names. Its `spec.volumeMode` says whether a directory or a device is wanted. */
  readonly volume: PersistentVolume;
  readonly claim: PersistentVolumeClaim;
  readonly readOnly: boolean;
  /** `spec.securityContext.fsGroup` of the pod: the group that is to own the files. */
  readonly fsGroup: number | undefined;
  /** OnRootMismatch: only when the volume's own directory does not show it already. Absent: Always. */
  readonly fsGroupChangePolicy?: 'Always' | 'OnRootMismatch';
  /** The pod as a whole: its service account, its labels. */
  readonly podObject: Pod;
  /** For mounts of the driver's own: see `VolumeRequest.directory`. */
  readonly directory: string;
  readonly node: VolumeNode;
}

export interface MountedVolume {
  /** Absolute. Stays valid until the volume is unmounted from the pod. A block device where the volume's mode is Block. */
  readonly hostPath: string;
  /** `mount` is to be called again when pod, claim, volume, or something that was read through `node` change, while containers run. */
  readonly follows?: boolean;
  /** Also after so many ms from now. */
  readonly refreshAfterMs?: number;
}
