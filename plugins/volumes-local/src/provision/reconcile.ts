/** Claims that this node is asked to make a volume for. Pure. */
import {
  act,
  timestampMs,
  type Action,
  type ActionCause,
  type Observation,
  type Reconciliation,
} from '@timonel/sdk/controller';
import {
  persistentVolumeClaims,
  persistentVolumes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type StorageClass,
} from '@timonel/sdk/kube';
import {
  claimSize,
  classNameOf,
  provisionedBy,
  selectedNode,
  storageProvisioner,
  waitsForConsumer,
} from '@timonel/sdk/volumes';
import { directoryFinalizer, hostnameLabel, nodeAnnotation, provisioner } from '../names.ts';

export interface ObservedClaim extends Observation<PersistentVolumeClaim> {
  readonly storageClass: StorageClass | undefined;
  /** Of this machine. */
  readonly nodeName: string;
  /** Where volumes are made. */
  readonly directory: string;
  /** Bytes that are left for new volumes. */
  readonly freeBytes: number;
  /** How many nodes have more room than this one: of those that could, the first takes a claim that waits for no pod. */
  readonly rank: number;
}

/** How long a node waits for each that has more room, to take a claim itself. */
const turnMs = 3000;

export function volumeName({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata.uid ?? ''}`;
}

/** Whether a volume is to be made for it by this provisioner. */
export function isAsked(claim: PersistentVolumeClaim): boolean {
  const { annotations, deletionTimestamp } = claim.metadata;
  const isUnbound = (claim.spec?.volumeName ?? '') === '';
  return isUnbound && deletionTimestamp === undefined && annotations?.[storageProvisioner] === provisioner;
}

/** Whether it is to be made on the node. */
export function isAskedOf(nodeName: string, claim: PersistentVolumeClaim | undefined): boolean {
  return claim !== undefined && isAsked(claim) && claim.metadata.annotations?.[selectedNode] === nodeName;
}

/** What of the claim this provisioner cannot do, on whatever node. */
function refusal({ spec }: PersistentVolumeClaim): string | undefined {
  if (spec?.volumeMode === 'Block') return 'block volumes are not supported, only Filesystem';
  if (spec?.selector !== undefined)
    return 'a selector is not supported: leave it out, or name a class without provisioner';
  if (spec?.['dataSource'] !== undefined || spec?.['dataSourceRef'] !== undefined)
    return 'a data source is not supported: volumes begin empty, leave dataSource and dataSourceRef out';
  if ((spec?.volumeAttributesClassName ?? '') !== '')
    return 'a class of attributes is not supported: leave volumeAttributesClassName out';
  const shared = (spec?.accessModes ?? []).find((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany');
  if (shared !== undefined)
    return `access mode ${shared} is not supported: a local volume is on one node, use ReadWriteOnce`;
  return undefined;
}

export function volumeFor(seen: ObservedClaim, claim: PersistentVolumeClaim): PersistentVolume {
  const { storageClass, nodeName, directory } = seen;
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = claim.metadata;
  const called = volumeName(claim);
  const matchExpressions = [{ key: hostnameLabel, operator: 'In', values: [nodeName] }];
  return {
    metadata: {
      name: called,
      annotations: { [provisionedBy]: provisioner, [nodeAnnotation]: nodeName },
      finalizers: [directoryFinalizer],
    },
    spec: {
      accessModes: [...(claim.spec?.accessModes ?? ['ReadWriteOnce'])],
      capacity: { storage: claim.spec?.resources?.requests?.['storage'] ?? '0' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion },
      local: { path: `${directory}/${called}` },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
      persistentVolumeReclaimPolicy: storageClass?.reclaimPolicy ?? 'Delete',
      storageClassName: classNameOf(claim),
      volumeMode: 'Filesystem',
      ...(storageClass?.mountOptions === undefined ? {} : { mountOptions: [...storageClass.mountOptions] }),
    },
  };
}

function tellFailure(message: string, more: readonly Action[] = []): Action[] {
  const event = { reason: 'ProvisioningFailed', message, kind: 'Warning' } as const;
  return [act.event(persistentVolumeClaims, event, { code: 'ProvisioningFailed', text: message }), ...more];
}

/** Puts the claim back: for the scheduler, or for another node. */
function giveBack(claim: PersistentVolumeClaim, cause: ActionCause): Action {
  const body = { metadata: { annotations: { [selectedNode]: null } } };
  return act.patch(persistentVolumeClaims, claim, { type: 'merge', body }, { cause });
}

function make(seen: ObservedClaim, claim: PersistentVolumeClaim): Reconciliation {
  const { nodeName, freeBytes } = seen;
  const wanted = claimSize(claim);
  if (wanted > freeBytes) {
    const message = `node ${nodeName} has ${Math.max(0, freeBytes)} bytes left for local volumes, and the claim asks for ${wanted}`;
    return { actions: tellFailure(message, [giveBack(claim, { code: 'NoRoom', text: message })]) };
  }
  const volume = volumeFor(seen, claim);
  const called = volumeName(claim);
  const cause = { code: 'Asked', text: `the claim is to get a volume on node ${nodeName}` };
  const failure = {
    reason: 'ProvisioningFailed',
    message: `failed to provision volume ${called} on node ${nodeName}: `,
  };
  const begun = { reason: 'Provisioning', message: `making a directory on node ${nodeName}`, failure };
  const done = { reason: 'ProvisioningSucceeded', message: `Successfully provisioned volume ${called}`, failure };
  return {
    actions: [
      act.effect(persistentVolumes, 'make-directory', volume, { cause, event: begun }),
      act.create(persistentVolumes, volume, { cause, event: done, ifExists: 'report' }),
    ],
  };
}

/** A claim of an Immediate class that no node has taken: those with most room come first. */
function volunteer(seen: ObservedClaim, claim: PersistentVolumeClaim): Reconciliation {
  const { nodeName, freeBytes, nowMs, rank } = seen;
  // A clock that is ahead, or was, must not make it wait for ever.
  const sinceMs = Math.min(nowMs, timestampMs(claim.metadata.creationTimestamp) ?? nowMs);
  const waitMs = sinceMs + rank * turnMs - nowMs;
  if (waitMs > 0) return { actions: [], requeueAfterMs: waitMs };
  if (claimSize(claim) > freeBytes) {
    const message = `no room: node ${nodeName}, which has most, has ${Math.max(0, freeBytes)} bytes left for local volumes`;
    // What the nodes tell of their room brings the claim back here.
    return { actions: rank === 0 ? tellFailure(message) : [] };
  }
  const body = { metadata: { annotations: { [selectedNode]: nodeName } } };
  const cause = { code: 'Volunteer', text: `node ${nodeName} has room for the volume` };
  return { actions: [act.patch(persistentVolumeClaims, claim, { type: 'merge', body }, { cause })] };
}

export function reconcile(seen: ObservedClaim): Reconciliation {
  const { subject: claim, storageClass, nodeName } = seen;
  if (claim === undefined || !isAsked(claim) || storageClass?.provisioner !== provisioner) return { actions: [] };
  const chosen = claim.metadata.annotations?.[selectedNode];
  if (chosen !== undefined && chosen !== nodeName) return { actions: [] };
  const problem = refusal(claim);
  if (problem !== undefined) return { actions: chosen === undefined && seen.rank > 0 ? [] : tellFailure(problem) };
  if (chosen === nodeName) return make(seen, claim);
  return waitsForConsumer(storageClass) ? { actions: [] } : volunteer(seen, claim);
}
