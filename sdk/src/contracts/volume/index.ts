/**
 * The node side of volumes, in the spirit of CSI's node service: how a PersistentVolume becomes a directory of this machine that
 * containers get. Providers are asked in the order of their registration; the first that supports a volume mounts it.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { PersistentVolume } from '../../kube/index.ts';

export interface VolumePod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface VolumeMountRequest {
  readonly pod: VolumePod;
  /** Name of the volume in the pod. */
  readonly name: string;
  /** Bound to the claim that the pod names. */
  readonly volume: PersistentVolume;
  readonly readOnly: boolean;
  /** `spec.securityContext.fsGroup` of the pod: the group that is to own the files. */
  readonly fsGroup: number | undefined;
  /** OnRootMismatch: only when the volume's own directory does not show it already. Absent: Always. */
  readonly fsGroupChangePolicy?: 'Always' | 'OnRootMismatch';
}

export interface MountedVolume {
  /** Absolute. Stays valid until the volume is unmounted from the pod. */
  readonly hostPath: string;
}

export interface VolumeDriver {
  /** Whether it mounts volumes of this kind. */
  supports(volume: PersistentVolume): boolean;
  /**
   * Makes the volume usable on this node for one pod. Called before each start of a container: idempotent, and quick when there is nothing
   * to do. @throws VolumeError
   */
  mount(request: VolumeMountRequest): Promise<MountedVolume>;
  /** The pod's containers are gone for good: undoes all mounts for it. Unknown: no error. Called again when it fails. */
  unmount(pod: VolumePod): Promise<void>;
}

/** Token of what mounts volumes on this node. */
export const volumeDrivers: ServiceToken<VolumeDriver, 'many'> = defineService<VolumeDriver, 'many'>('volumes', {
  major: 1,
  cardinality: 'many',
  sync: ['supports'],
});

/** The volume cannot be used; the message goes into the pod's status. Recognise it by `name`. */
export class VolumeError extends Error {
  override readonly name: string = 'VolumeError';
  /** For the container's waiting state. */
  readonly reason: string = 'FailedMount';
}
