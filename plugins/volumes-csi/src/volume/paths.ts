/** Where volumes lie below the directory that drivers share with the node: the kubelet's paths, which drivers may rely on. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

const plugin = 'kubernetes.io~csi';

export interface VolumePlace {
  readonly driver: string;
  readonly handle: string;
  /** Of the PersistentVolume, or of the volume in the pod. */
  readonly specName: string;
  readonly podUid: string;
  readonly isBlock: boolean;
}

export class VolumePaths {
  readonly pods: string;
  readonly #devices: string;
  readonly #staging: string;

  constructor(kubelet: string) {
    this.pods = join(kubelet, 'pods');
    this.#staging = join(kubelet, 'plugins', 'kubernetes.io', 'csi');
    this.#devices = join(this.#staging, 'volumeDevices');
  }

  volumesOf(podUid: string): string {
    return join(this.pods, podUid, 'volumes', plugin);
  }

  /** Of what is known of one volume of one pod, and of its mount. */
  volume({ podUid, specName }: Pick<VolumePlace, 'podUid' | 'specName'>): string {
    return join(this.volumesOf(podUid), specName);
  }

  /** A directory, or a file for a device. */
  target(place: VolumePlace): string {
    if (place.isBlock) return join(this.#devices, 'publish', place.specName, place.podUid);
    return join(this.volume(place), 'mount');
  }

  /** Of all pods of this node together. */
  staging({ driver, handle, specName, isBlock }: VolumePlace): string {
    if (isBlock) return join(this.#devices, 'staging', specName);
    const name = createHash('sha256').update(handle).digest('hex');
    return join(this.#staging, driver, name, 'globalmount');
  }
}
