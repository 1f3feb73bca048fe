/** Whether a volume is to be attached to a node, and what keeps it from being attached or detached. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, type Action, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import {
  pods,
  volumeAttachments,
  type CsiDriver,
  type Node,
  type PersistentVolume,
  type Pod,
  type VolumeAttachment,
} from '@timonel/sdk/kube';
import { attachmentName, uniqueVolumeName } from '@timonel/sdk/volumes';
import type { Place } from './keys.ts';

export interface Observed extends Observation<VolumeAttachment>, Place {
  readonly volume: PersistentVolume | undefined;
  /** Undefined: there is no object, so the defaults of one hold. */
  readonly driver: CsiDriver | undefined;
  /** Undefined: it is gone. */
  readonly node: Node | undefined;
  /** On this node, which are not over. */
  readonly users: readonly Pod[];
  /** On other nodes. */
  readonly otherUsers: readonly Pod[];
  /** To other nodes. */
  readonly others: readonly VolumeAttachment[];
  /** Since when nobody needs it here, in ms since the epoch. Undefined: it is needed, or nobody has looked before. */
  readonly unwantedSince: number | undefined;
  readonly forceDetachAfterMs: number;
}

const component = 'controller-attachdetach';
const recheckMs = 10_000;
const ownName = /^csi-[0-9a-f]{64}$/;

const nameOf = ({ volume, volumeName }: Observed): string => volume?.metadata.name ?? volumeName;

/** Volumes of drivers that attach nothing have no attachments. */
function isAttachable({ volume, driver }: Observed): boolean {
  const { driver: name = '', volumeHandle = '' } = volume?.spec?.csi ?? {};
  return name !== '' && volumeHandle !== '' && driver?.spec?.attachRequired !== false;
}

export function isWanted(observed: Observed): boolean {
  return observed.users.length > 0 && observed.node !== undefined && isAttachable(observed);
}

/** Others may make attachments of their own names: those are theirs. */
function isOwn({ subject, volume, nodeName }: Observed): boolean {
  const name = subject?.metadata.name ?? '';
  const { driver = '', volumeHandle = '' } = volume?.spec?.csi ?? {};
  return volume === undefined ? ownName.test(name) : name === attachmentName(volumeHandle, driver, nodeName);
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject } = observed;
  if (isWanted(observed)) return subject === undefined ? attach(observed) : { actions: tell(observed, subject) };
  if (subject === undefined || subject.metadata.deletionTimestamp !== undefined || !isOwn(observed))
    return { actions: [] };
  const waits = keepsAttached(observed);
  if (waits !== undefined) return { actions: [], requeueAfterMs: recheckMs };
  const cause = { code: 'NotNeeded', text: `no pod on node ${observed.nodeName} needs volume ${nameOf(observed)}` };
  return { actions: [act.delete(volumeAttachments, subject, { cause })] };
}

function attach(observed: Observed): Reconciliation {
  const { volume, nodeName, users } = observed;
  const text = `pods on node ${nodeName} need volume ${nameOf(observed)}`;
  const elsewhere = exclusivelyElsewhere(observed);
  if (elsewhere !== undefined) {
    const message = `Multi-Attach error for volume "${nameOf(observed)}" ${elsewhere}`;
    return { actions: users.map((pod) => failureOf(pod, message)), requeueAfterMs: recheckMs };
  }
  const { driver = '', volumeHandle = '' } = volume?.spec?.csi ?? {};
  const object: VolumeAttachment = {
    metadata: { name: attachmentName(volumeHandle, driver, nodeName) },
    spec: { attacher: driver, nodeName, source: { persistentVolumeName: nameOf(observed) } },
  };
  return { actions: [act.create(volumeAttachments, object, { cause: { code: 'Needed', text }, ifExists: 'report' })] };
}

/** Why it cannot be attached here; undefined: it can. */
function exclusivelyElsewhere({ volume, others, otherUsers, users }: Observed): string | undefined {
  const modes = volume?.spec?.accessModes ?? [];
  const isShared = modes.includes('ReadWriteMany') || modes.includes('ReadOnlyMany');
  if (others.length === 0 || isShared) return undefined;
  const namespaces = new Set(users.map(({ metadata }) => metadata.namespace));
  const names = otherUsers.filter(({ metadata }) => namespaces.has(metadata.namespace)).map((pod) => pod.metadata.name);
  if (names.length > 0) return `Volume is already used by pod(s) ${names.join(', ')}`;
  return "Volume is already exclusively attached to one node and can't be attached to another";
}

function failureOf(pod: Pod, message: string): Action {
  const about = { type: pods, object: pod };
  const event = { reason: 'FailedAttachVolume', message, kind: 'Warning', once: message, about } as const;
  return act.event(pods, event, { code: 'NotAttached', text: message });
}

/** To the pods that wait: what came of it. */
function tell(observed: Observed, { status, metadata }: VolumeAttachment): Action[] {
  if (metadata.deletionTimestamp !== undefined) return [];
  const starting = observed.users.filter((pod) => (pod.status?.phase ?? 'Pending') === 'Pending');
  const name = nameOf(observed);
  if (status?.attached === true) {
    const message = `AttachVolume.Attach succeeded for volume "${name}"`;
    const cause = { code: 'Attached', text: message };
    return starting.map((pod) => {
      const about = { type: pods, object: pod };
      return act.event(pods, { reason: 'SuccessfulAttachVolume', message, once: message, about }, cause);
    });
  }
  const error = status?.attachError?.message ?? '';
  if (error === '') return [];
  return starting.map((pod) => failureOf(pod, `AttachVolume.Attach failed for volume "${name}" : ${error}`));
}

const isReady = ({ status }: Node): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;

/** Why it must stay attached though no pod needs it; undefined: it need not. */
export function keepsAttached(observed: Observed): string | undefined {
  const { volume, node, unwantedSince, nowMs, forceDetachAfterMs } = observed;
  if (node === undefined || volume === undefined) return undefined;
  const { driver = '', volumeHandle = '' } = volume.spec?.csi ?? {};
  const inUse = node.status?.volumesInUse ?? [];
  if (!inUse.includes(uniqueVolumeName(driver, volumeHandle))) return undefined;
  const taints = node.spec.taints ?? [];
  if (taints.some(({ key }) => key === 'node.kubernetes.io/out-of-service')) return undefined;
  const waitedMs = nowMs - (unwantedSince ?? nowMs);
  if (!isReady(node) && waitedMs >= forceDetachAfterMs) return undefined;
  return isReady(node)
    ? `node ${observed.nodeName} still uses it`
    : `node ${observed.nodeName} is not ready and has not said that it uses it no more`;
}

export function explain(observed: Observed): readonly Cause[] {
  const { subject } = observed;
  if (isWanted(observed)) {
    if (subject?.status?.attached === true) return [];
    const elsewhere = subject === undefined ? exclusivelyElsewhere(observed) : undefined;
    const error = subject?.status?.attachError?.message;
    const text = elsewhere ?? error ?? 'its attacher has not answered yet';
    const unblock =
      'look whether the attacher of its driver runs: it is a container beside the controller of the driver';
    return [{ component, code: 'not-attached', text, ...(elsewhere === undefined ? { unblock } : {}) }];
  }
  if (subject === undefined || !isOwn(observed)) return [];
  if (subject.metadata.deletionTimestamp !== undefined) {
    const text = subject.status?.detachError?.message ?? 'its attacher has not detached it yet';
    return [{ component, code: 'detaching', text }];
  }
  const why = keepsAttached(observed);
  return why === undefined ? [] : [{ component, code: 'in-use', text: why }];
}
