/**
 * The node side of volumes. Two services, each with any number of providers side by side:
 *
 * - `volume-kinds` serves entries of a pod's `spec.volumes` by their key: `emptyDir`, `configMap`, an inline `csi`, or a key of your own.
 * - `volumes` serves PersistentVolumes, in the spirit of CSI's node service: the entries `persistentVolumeClaim` and `ephemeral`.
 *
 * The node agent asks them; it does itself what is the same for all: which claim means which volume, subPath, the mounts of containers,
 * events and waiting states, and what a pod leaves behind. See `docs/guides/write-a-volume-plugin.md`.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { PersistentVolume, Volume } from '../../kube/index.ts';
import type { MountedVolume, VolumeMountRequest, VolumePod } from './driver.ts';
import type { PreparedVolume, VolumeRequest } from './kind.ts';
import type { VolumeUsage } from './usage.ts';

export * from './driver.ts';
export * from './error.ts';
export * from './kind.ts';
export * from './node.ts';
export * from './usage.ts';

export interface VolumeKind {
  /** Of entries of `spec.volumes`: always the same. */
  keys(): readonly string[];
  /**
   * Whether it serves this entry, which has one of its keys. Absent: all of them. For keys that many share, told apart by what stands in the
   * entry: `flexVolume`. Of several that would serve an entry the first that was registered does.
   */
  serves?(volume: Volume): boolean;
  /**
   * Makes the volume ready. Called before each start of a container that mounts it, and again while containers run where the volume
   * `follows`. So: idempotent, quick when there is nothing to do, never a half-made state to be seen by containers, and whole again after a
   * crash at any point. Calls for one pod come one after the other. One that fails for a running pod must leave the volume as it was.
   * @throws VolumeError
   */
  prepare(request: VolumeRequest): Promise<PreparedVolume>;
  /**
   * The pod's containers are gone for good: undoes all that was mounted or made for its volumes outside of their directories. `directory`
   * is the parent of them all; pod and volumes may be of another time (their agent crashed, the pod was deleted meanwhile), so look at
   * what is there. Nothing to undo: no error. Called again when it fails; the agent removes no directory while something is mounted below.
   */
  remove(pod: VolumePod, directory: string): Promise<void>;
  /**
   * What the volume takes; undefined: it is not counted. Asked about every 10 s at the most for each volume that is prepared: bounded in time,
   * and what takes long is better answered from the last measuring.
   */
  usage(request: VolumeRequest): Promise<VolumeUsage | undefined>;
}

/** Token of what serves volumes that pods declare themselves. */
export const volumeKinds: ServiceToken<VolumeKind, 'many'> = defineService<VolumeKind, 'many'>('volume-kinds', {
  major: 1,
  cardinality: 'many',
  sync: ['keys', 'serves'],
});

/** Providers are asked in the order of their registration; the first that supports a volume mounts it. */
export interface VolumeDriver {
  /** Whether it mounts volumes of this kind. */
  supports(volume: PersistentVolume): boolean;
  /**
   * Makes the volume usable on this node for one pod. Called before each start of a container: idempotent, and quick when there is nothing
   * to do. Calls for one pod come one after the other. One that fails for a running pod must leave the volume as it was. @throws VolumeError
   */
  mount(request: VolumeMountRequest): Promise<MountedVolume>;
  /** The pod's containers are gone for good: undoes all mounts for it. Unknown: no error. Called again when it fails. */
  unmount(pod: VolumePod): Promise<void>;
  /** What the volume takes; undefined: it is not measured. See `VolumeKind.usage`. */
  usage(request: VolumeMountRequest): Promise<VolumeUsage | undefined>;
}

/** Token of what mounts volumes on this node. */
export const volumeDrivers: ServiceToken<VolumeDriver, 'many'> = defineService<VolumeDriver, 'many'>('volumes', {
  major: 1,
  cardinality: 'many',
  sync: ['supports'],
});
