/** Volumes of claims: which one it is, and who makes it usable on this node. */
import type { Many } from '@timonel/sdk';
import { VolumeError, type VolumeDriver, type VolumeMountRequest, type VolumePod } from '@timonel/sdk/contracts/volume';
import type { Node, PersistentVolume, Pod } from '@timonel/sdk/kube';
import { nodeFit } from '@timonel/sdk/scheduling';
import { isFullyBound, isMadeFor, podClaims, type PodClaim } from '@timonel/sdk/volumes';
import type { BoundClaim } from '../container/sources.ts';
import type { Served, VolumeUse } from './served-volumes.ts';
import { noted, volumeNode, type Reads } from './volume-node.ts';

export type ReadClaim = (namespace: string, name: string) => Promise<BoundClaim | undefined>;

export interface ClaimVolumesParts {
  readonly drivers: Many<VolumeDriver>;
  readonly read: ReadClaim;
  /** This node's object, new enough to tell whether such a pod may be here. Undefined: it is not known. */
  readonly nodeFor: (pod: Pod) => Promise<Node | undefined>;
}

function changePolicyOf(policy: string | undefined): Pick<VolumeMountRequest, 'fsGroupChangePolicy'> {
  return policy === 'Always' || policy === 'OnRootMismatch' ? { fsGroupChangePolicy: policy } : {};
}

function wantedOf({ pod, volume }: VolumeUse): PodClaim | undefined {
  return podClaims(pod, pod.metadata.name ?? '').find((claim) => claim.volume === volume.name);
}

export class ClaimVolumes {
  readonly #drivers: Many<VolumeDriver>;
  readonly #read: ReadClaim;
  readonly #nodeFor: ClaimVolumesParts['nodeFor'];

  constructor({ drivers, read, nodeFor }: ClaimVolumesParts) {
    this.#drivers = drivers;
    this.#read = read;
    this.#nodeFor = nodeFor;
  }

  /** Undefined: the volume of the pod is no claim. @throws VolumeError */
  async mount(use: VolumeUse, reads: Reads): Promise<Served | undefined> {
    const wanted = wantedOf(use);
    if (wanted === undefined) return undefined;
    const { driver, request } = await this.#asked(use, wanted, reads);
    const mounted = await driver.mount(request);
    const isDevice = request.volume.spec?.volumeMode === 'Block';
    return { prepared: { ...mounted, readOnly: wanted.readOnly, isDevice }, usage: () => driver.usage(request) };
  }

  /** After the last container of the pod. @throws what a driver throws; to be called again then */
  async unmountAll(pod: VolumePod): Promise<void> {
    for (const { service } of this.#drivers.all()) await service.unmount(pod);
  }

  async #asked(
    use: VolumeUse,
    wanted: PodClaim,
    reads: Reads,
  ): Promise<{ readonly driver: VolumeDriver; readonly request: VolumeMountRequest }> {
    const { pod, directory } = use;
    const { claim, volume } = await this.#boundOf(pod, wanted, reads);
    await this.#checkNode(volume);
    const driver = this.#drivers.all().find(({ service }) => service.supports(volume))?.service;
    if (driver === undefined) {
      const kinds = Object.keys(volume.spec ?? {}).join(', ');
      const { name = '' } = volume.metadata;
      throw new VolumeError(`no plugin of this node mounts volume ${name} of claim ${wanted.name} (${kinds})`);
    }
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
    const request = {
      pod: { namespace, name, uid },
      podObject: pod,
      name: use.volume.name,
      claim,
      volume,
      readOnly: wanted.readOnly,
      fsGroup,
      ...changePolicyOf(fsGroupChangePolicy),
      directory,
      node: volumeNode(use, reads),
    };
    return { driver, request };
  }

  /** Who put the pod here may not have looked at where its volumes are. */
  async #checkNode({ metadata: { name = '' }, spec }: PersistentVolume): Promise<void> {
    const { nodeSelectorTerms } = spec?.nodeAffinity?.required ?? {};
    if (nodeSelectorTerms === undefined) return;
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
    const pod: Pod = { metadata: {}, spec: { containers: [], tolerations: [{ operator: 'Exists' }], affinity } };
    const node = await this.#nodeFor(pod);
    if (node === undefined || nodeFit(pod.spec).matches(node)) return;
    throw new VolumeError(`volume ${name} is not for this node: no matching NodeSelectorTerms`);
  }

  async #boundOf(
    pod: Pod,
    { name, ephemeral }: PodClaim,
    reads: Reads,
  ): Promise<Pick<VolumeMountRequest, 'claim' | 'volume'>> {
    const { namespace = '' } = pod.metadata;
    const claim = await noted(reads, ['persistentvolumeclaims', namespace, name], this.#read(namespace, name));
    if (claim === undefined) throw new VolumeError(`persistentvolumeclaim "${name}" not found`);
    if (ephemeral && !isMadeFor(claim, pod.metadata)) {
      throw new VolumeError(`persistentvolumeclaim "${name}" was not created for this pod`);
    }
    if (!isFullyBound(claim)) throw new VolumeError(`persistentvolumeclaim "${name}" is not bound`);
    const { volume } = claim;
    if (volume === undefined || volume.spec?.claimRef?.uid !== claim.metadata.uid) {
      throw new VolumeError(`persistentvolumeclaim "${name}" has lost volume ${claim.spec?.volumeName ?? ''}`);
    }
    return { claim, volume };
  }
}
