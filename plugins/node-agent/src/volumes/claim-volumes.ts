/** Volumes of claims: which one it is, and who makes it usable on this node. */
import type { Many } from '@timonel/sdk';
import type { VolumeDriver, VolumeMountRequest, VolumeNode, VolumePod } from '@timonel/sdk/contracts/volume';
import type { Pod } from '@timonel/sdk/kube';
import { isFullyBound, isMadeFor, podClaims, type PodClaim } from '@timonel/sdk/volumes';
import { ConfigError } from '../container/config-error.ts';
import type { BoundClaim } from '../container/sources.ts';

export interface ClaimedVolume {
  readonly hostPath: string;
  readonly readOnly: boolean;
}

/** Where the volume gets its own directory, and whom it may ask. */
export interface VolumePlace {
  readonly directory: string;
  readonly node: VolumeNode;
}

export type ReadClaim = (namespace: string, name: string) => Promise<BoundClaim | undefined>;

function referenceOf({ metadata: { namespace = '', name = '', uid = '' } }: Pod): VolumePod {
  return { namespace, name, uid };
}

function changePolicyOf(policy: string | undefined): Pick<VolumeMountRequest, 'fsGroupChangePolicy'> {
  return policy === 'Always' || policy === 'OnRootMismatch' ? { fsGroupChangePolicy: policy } : {};
}

export class ClaimVolumes {
  readonly #drivers: Many<VolumeDriver>;
  readonly #read: ReadClaim;

  constructor(drivers: Many<VolumeDriver>, read: ReadClaim) {
    this.#drivers = drivers;
    this.#read = read;
  }

  /** Undefined: the volume of the pod is no claim. @throws ConfigError, VolumeError */
  async mount(pod: Pod, name: string, place: VolumePlace): Promise<ClaimedVolume | undefined> {
    const wanted = podClaims(pod, pod.metadata.name ?? '').find(({ volume }) => volume === name);
    if (wanted === undefined) return undefined;
    const { claim, volume } = await this.#boundOf(pod, wanted);
    const driver = this.#drivers.all().find(({ service }) => service.supports(volume))?.service;
    if (driver === undefined) {
      const kinds = Object.keys(volume.spec ?? {}).join(', ');
      throw new ConfigError(
        `no plugin of this node mounts volume ${volume.metadata.name ?? ''} of claim ${wanted.name} (${kinds})`,
      );
    }
    const { readOnly } = wanted;
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
    const change = changePolicyOf(fsGroupChangePolicy);
    const podObject = pod;
    const request = { pod: referenceOf(pod), podObject, name, claim, volume, readOnly, fsGroup, ...change, ...place };
    const { hostPath } = await driver.mount(request);
    return { hostPath, readOnly };
  }

  /** After the last container of the pod. @throws what a driver throws; to be called again then */
  async unmountAll(pod: Pod): Promise<void> {
    if (podClaims(pod, pod.metadata.name ?? '').length === 0) return;
    for (const { service } of this.#drivers.all()) await service.unmount(referenceOf(pod));
  }

  async #boundOf(pod: Pod, { name, ephemeral }: PodClaim): Promise<Pick<VolumeMountRequest, 'claim' | 'volume'>> {
    const claim = await this.#read(pod.metadata.namespace ?? '', name);
    if (claim === undefined) throw new ConfigError(`persistentvolumeclaim "${name}" not found`);
    if (ephemeral && !isMadeFor(claim, pod.metadata)) {
      throw new ConfigError(`persistentvolumeclaim "${name}" was not created for this pod`);
    }
    if (!isFullyBound(claim)) throw new ConfigError(`persistentvolumeclaim "${name}" is not bound`);
    const { volume } = claim;
    if (volume === undefined || volume.spec?.claimRef?.uid !== claim.metadata.uid) {
      throw new ConfigError(`persistentvolumeclaim "${name}" has lost volume ${claim.spec?.volumeName ?? ''}`);
    }
    return { claim, volume };
  }
}
