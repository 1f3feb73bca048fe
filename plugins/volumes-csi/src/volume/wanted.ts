/** One volume for one pod, whether it comes from a PersistentVolume or from the pod itself. */
import { createHash } from 'node:crypto';
import {
  VolumeError,
  type VolumeMountRequest,
  type VolumeNode,
  type VolumeRequest,
} from '@timonel/sdk/contracts/volume';
import type { PersistentVolume, PersistentVolumeClaim, Pod, SecretReference } from '@timonel/sdk/kube';
import type { VolumePlace } from './paths.ts';

export interface WantedVolume extends VolumePlace {
  readonly lifecycle: 'Persistent' | 'Ephemeral';
  readonly pod: Pod;
  readonly node: VolumeNode;
  readonly readOnly: boolean;
  /** The group of the pod that is to own the files. */
  readonly fsGroup: number | undefined;
  readonly fsGroupChangePolicy: 'Always' | 'OnRootMismatch';
  readonly fsType: string;
  readonly mountOptions: readonly string[];
  readonly accessModes: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly stageSecret: SecretReference | undefined;
  readonly publishSecret: SecretReference | undefined;
  readonly expandSecret: SecretReference | undefined;
  /** Absent for those of the pod itself. */
  readonly bound?: { readonly volume: PersistentVolume; readonly claim: PersistentVolumeClaim };
}

/** @throws VolumeError */
export function wantedOfClaim(request: VolumeMountRequest): WantedVolume {
  const { volume, claim, podObject, pod, readOnly, fsGroup, fsGroupChangePolicy = 'Always', node } = request;
  const { csi, accessModes = [], mountOptions = [], volumeMode } = volume.spec ?? {};
  const { driver = '', volumeHandle = '' } = csi ?? {};
  const { name = '' } = volume.metadata;
  if (driver === '' || volumeHandle === '') throw new VolumeError(`volume ${name} names no driver or no volume of it`);
  return {
    driver,
    handle: volumeHandle,
    specName: name,
    podUid: pod.uid,
    isBlock: volumeMode === 'Block',
    lifecycle: 'Persistent',
    pod: podObject,
    node,
    readOnly,
    fsGroup,
    fsGroupChangePolicy,
    fsType: csi?.fsType ?? '',
    mountOptions,
    accessModes,
    attributes: csi?.volumeAttributes ?? {},
    stageSecret: csi?.nodeStageSecretRef,
    publishSecret: csi?.nodePublishSecretRef,
    expandSecret: csi?.nodeExpandSecretRef,
    bound: { volume, claim },
  };
}

interface InlineSource {
  readonly driver: string;
  readonly readOnly?: boolean;
  readonly fsType?: string;
  readonly volumeAttributes?: Readonly<Record<string, string>>;
  readonly nodePublishSecretRef?: { readonly name?: string };
}

/** A volume that lives as long as its pod. */
export function wantedOfPod({ pod, volume, node }: VolumeRequest): WantedVolume {
  const source = volume['csi'] as InlineSource;
  const { uid = '', namespace = '' } = pod.metadata;
  const secret = source.nodePublishSecretRef?.name ?? '';
  return {
    driver: source.driver,
    handle: `csi-${createHash('sha256').update(`${uid}${volume.name}`).digest('hex')}`,
    specName: volume.name,
    podUid: uid,
    isBlock: false,
    lifecycle: 'Ephemeral',
    pod,
    node,
    readOnly: source.readOnly === true,
    fsGroup: pod.spec.securityContext?.fsGroup,
    fsGroupChangePolicy: 'Always',
    fsType: source.fsType ?? '',
    mountOptions: [],
    accessModes: ['ReadWriteOnce'],
    attributes: source.volumeAttributes ?? {},
    stageSecret: undefined,
    publishSecret: secret === '' ? undefined : { namespace, name: secret },
    expandSecret: undefined,
  };
}
