import { isDeepStrictEqual } from 'node:util';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { explainers } from '@timonel/sdk/contracts/why';
import { controllerPart, keysFrom, runControllers, type Informer, type Wiring } from '@timonel/sdk/controller';
import {
  csiDrivers,
  nodes,
  objectKey,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
  type CsiDriver,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type VolumeAttachment,
} from '@timonel/sdk/kube';
import { isFullyBound, podClaims, uniqueVolumeName } from '@timonel/sdk/volumes';
import { reconcileNode } from './attached.ts';
import { configSchema, type AttachDetachConfig } from './config.ts';
import { placeKey, placeOf } from './keys.ts';
import { explain, isWanted, reconcile, type Observed } from './reconcile.ts';

interface Inputs {
  readonly pods: Informer<Pod>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly attachments: Informer<VolumeAttachment>;
  readonly nodes: Informer<Node>;
  readonly drivers: Informer<CsiDriver>;
  /** Since when attachments are not needed, by their keys: begins anew with the process. */
  readonly unwanted: Map<string, number>;
  readonly forceDetachAfterMs: number;
}

function claimKeys(pod: Pod): string[] {
  const { namespace = '', name = '' } = pod.metadata;
  return podClaims(pod, name).map((claim) => `${namespace}/${claim.name}`);
}

const volumeNameOf = ({ spec }: VolumeAttachment): string => spec?.source.persistentVolumeName ?? '';

function inputsOf({
  informers,
  config,
}: Pick<Wiring<never, never, AttachDetachConfig>, 'informers' | 'config'>): Inputs {
  return {
    pods: informers.for(pods, { indexes: { attachClaim: claimKeys } }),
    claims: informers.for(persistentVolumeClaims),
    volumes: informers.for(persistentVolumes, { indexes: { csiDriver: ({ spec }) => spec?.csi?.driver } }),
    attachments: informers.for(volumeAttachments, {
      indexes: { volume: volumeNameOf, node: ({ spec }) => spec?.nodeName },
    }),
    nodes: informers.for(nodes),
    drivers: informers.for(csiDrivers),
    unwanted: new Map(),
    forceDetachAfterMs: config.forceDetachAfterMs,
  };
}

/** All nodes that the volume is on, or is to be on. */
function keysOfVolume(name: string, inputs: Inputs): string[] {
  const attached = inputs.attachments.byIndex('volume', name).map(({ spec }) => spec?.nodeName ?? '');
  const used = usersOf(inputs.volumes.get(name), inputs).map(({ spec }) => spec.nodeName ?? '');
  return [...new Set([...attached, ...used])].map((nodeName) => placeKey(nodeName, name));
}

function keysOfPod(pod: Pod, inputs: Inputs): string[] {
  const { nodeName = '' } = pod.spec;
  if (nodeName === '') return [];
  return claimKeys(pod).flatMap((key) => {
    const { volumeName = '' } = inputs.claims.get(key)?.spec ?? {};
    return volumeName === '' ? [] : [placeKey(nodeName, volumeName), ...keysOfVolume(volumeName, inputs)];
  });
}

/** Pods with a node that need the volume and are not over. */
function usersOf(volume: PersistentVolume | undefined, inputs: Inputs): Pod[] {
  const { namespace = '', name = '', uid } = volume?.spec?.claimRef ?? {};
  const claim = inputs.claims.get(`${namespace}/${name}`);
  if (claim === undefined || !isFullyBound(claim) || claim.metadata.uid !== uid) return [];
  return inputs.pods.byIndex('attachClaim', `${namespace}/${name}`).filter(({ spec, status }) => {
    const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
    return (spec.nodeName ?? '') !== '' && !isOver;
  });
}

/** `key`: a place, or the name of an attachment that somebody asks about. */
function observe(key: string, inputs: Inputs, now: { nowMs: number; timestamp: string }): Observed | undefined {
  const named = inputs.attachments.get(key);
  const place = placeOf(key) ?? {
    nodeName: named?.spec?.nodeName ?? '',
    volumeName: named === undefined ? '' : volumeNameOf(named),
  };
  const { nodeName, volumeName } = place;
  const volume = inputs.volumes.get(volumeName);
  const ofVolume = inputs.attachments.byIndex('volume', volumeName);
  const subject = ofVolume.find(({ spec }) => spec?.nodeName === nodeName);
  if (volume === undefined && subject === undefined) return undefined;
  const users = usersOf(volume, inputs);
  return {
    ...now,
    ...place,
    subject,
    volume,
    driver: inputs.drivers.get(volume?.spec?.csi?.driver ?? ''),
    node: inputs.nodes.get(nodeName),
    users: users.filter(({ spec }) => spec.nodeName === nodeName),
    otherUsers: users.filter(({ spec }) => spec.nodeName !== nodeName),
    others: ofVolume.filter(({ spec }) => spec?.nodeName !== nodeName),
    unwantedSince: inputs.unwanted.get(placeKey(nodeName, volumeName)),
    forceDetachAfterMs: inputs.forceDetachAfterMs,
  };
}

const attachments = controllerPart({
  name: 'controller-attachdetach',
  component: 'attachdetach-controller',
  subject: volumeAttachments,
  inputs: inputsOf,
  sources: (inputs) => [
    keysFrom(inputs.pods, (pod) => keysOfPod(pod, inputs)),
    keysFrom(inputs.claims, ({ spec }) => keysOfVolume(spec?.volumeName ?? '', inputs)),
    keysFrom(inputs.volumes, ({ metadata }) => keysOfVolume(metadata.name ?? '', inputs)),
    keysFrom(inputs.attachments, (attachment) => [
      placeKey(attachment.spec?.nodeName ?? '', volumeNameOf(attachment)),
      ...keysOfVolume(volumeNameOf(attachment), inputs),
    ]),
    keysFrom(inputs.nodes, ({ metadata: { name = '' } }) =>
      inputs.attachments.byIndex('node', name).map((each) => placeKey(name, volumeNameOf(each))),
    ),
    keysFrom(inputs.drivers, ({ metadata: { name = '' } }) =>
      inputs.volumes.byIndex('csiDriver', name).flatMap((each) => keysOfVolume(each.metadata.name ?? '', inputs)),
    ),
  ],
  observe,
  reconcile,
  remember(observed, _outcome, { unwanted }) {
    const { subject, nodeName, volumeName, nowMs } = observed;
    const key = placeKey(nodeName, volumeName);
    if (subject === undefined || isWanted(observed)) unwanted.delete(key);
    else unwanted.set(key, unwanted.get(key) ?? nowMs);
  },
  explain,
});

const attached = controllerPart({
  name: 'controller-attachdetach',
  component: 'attachdetach-controller',
  subject: nodes,
  inputs: inputsOf,
  sources: (inputs) => [
    keysFrom(inputs.attachments, ({ spec }) => [spec?.nodeName ?? '']),
    keysFrom(
      inputs.nodes,
      (node) => [objectKey(node)],
      (before, after) => !isDeepStrictEqual(before.status?.volumesAttached, after.status?.volumesAttached),
    ),
  ],
  observe(name, inputs, now) {
    const node = inputs.nodes.get(name);
    if (node === undefined) return undefined;
    const names = inputs.attachments.byIndex('node', name).flatMap((attachment) => {
      const { driver = '', volumeHandle = '' } = inputs.volumes.get(volumeNameOf(attachment))?.spec?.csi ?? {};
      const isAttached = attachment.status?.attached === true && attachment.metadata.deletionTimestamp === undefined;
      return isAttached && driver !== '' ? [uniqueVolumeName(driver, volumeHandle)] : [];
    });
    return { ...now, subject: node, attached: names };
  },
  reconcile: reconcileNode,
});

const plugin: AnyPlugin = definePlugin({
  name: 'controller-attachdetach',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Has volumes of CSI drivers attached to the nodes of the pods that use them, and detached when none does.',
  provides: { controller, explainers },
  requires: { api: apiClient },
  optional: { leadership },
  config: configSchema,
  swap: 'drain',
  setup: (ctx) => runControllers(ctx, [attachments, attached]),
});

export default plugin;
