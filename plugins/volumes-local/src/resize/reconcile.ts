/** Claims on this node that ask for more than their volume has. Pure. */
import {
  act,
  removeCondition,
  setCondition,
  type Action,
  type Observation,
  type Outcome,
  type Reconciliation,
  type StatusPlan,
} from '@timonel/sdk/controller';
import {
  persistentVolumeClaims,
  persistentVolumes,
  wholeQuantity,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '@timonel/sdk/kube';
import { claimSize, storageResizer, volumeSize } from '@timonel/sdk/volumes';
import { isOwn, provisioner } from '../names.ts';

export interface ObservedClaim extends Observation<PersistentVolumeClaim> {
  /** The claim's, once it is bound. */
  readonly volume: PersistentVolume | undefined;
  readonly nodeName: string;
  /** Bytes that this volume could have. */
  readonly limitBytes: number;
}

type Status = NonNullable<PersistentVolumeClaim['status']>;

/** A claim that found no room is looked at again. */
const retryMs = 60_000;

/** Whether it was handed to this provisioner and asks for more than its status says that it has. */
export function wantsMore(claim: PersistentVolumeClaim): boolean {
  const { annotations, deletionTimestamp } = claim.metadata;
  const has = wholeQuantity(claim.status?.capacity?.['storage'] ?? '') ?? Number.POSITIVE_INFINITY;
  const isHanded = annotations?.[storageResizer] === provisioner && deletionTimestamp === undefined;
  return isHanded && claim.status?.phase === 'Bound' && claimSize(claim) > has;
}

function work({
  subject: claim,
  volume,
  nodeName,
}: ObservedClaim): [PersistentVolumeClaim, PersistentVolume] | undefined {
  if (claim === undefined || volume === undefined || !wantsMore(claim)) return undefined;
  return isOwn(volume, nodeName) ? [claim, volume] : undefined;
}

const hasRoom = (claim: PersistentVolumeClaim, { limitBytes }: ObservedClaim): boolean =>
  claimSize(claim) <= limitBytes;

function noRoom(claim: PersistentVolumeClaim, { nodeName, limitBytes }: ObservedClaim): string {
  return `node ${nodeName} has room for ${Math.max(0, limitBytes)} bytes, and the claim asks for ${claimSize(claim)}`;
}

export function reconcile(seen: ObservedClaim): Reconciliation {
  const both = work(seen);
  if (both === undefined) return { actions: [] };
  const [claim, volume] = both;
  if (!hasRoom(claim, seen)) {
    const message = noRoom(claim, seen);
    const isTold = claim.status?.conditions?.some(
      ({ type, message: told }) => type === 'ControllerResizeError' && told === message,
    );
    const event = { reason: 'VolumeResizeFailed', message, kind: 'Warning' } as const;
    const tell = act.event(persistentVolumeClaims, event, { code: 'NoRoom', text: message });
    return { actions: isTold === true ? [] : [tell], requeueAfterMs: retryMs };
  }
  const storage = claim.spec?.resources?.requests?.['storage'] ?? '';
  const cause = { code: 'WantsMore', text: `the claim asks for ${storage}` };
  const event = { reason: 'VolumeResizeSuccessful', message: `Resize volume succeeded: it has ${storage} now` };
  const next = { ...volume, spec: { ...volume.spec, capacity: { ...volume.spec?.capacity, storage } } };
  const grow: Action[] = [
    act.effect(persistentVolumes, 'reserve', next, { cause }),
    act.update(persistentVolumes, volume, next, { cause, event }),
  ];
  return { actions: volumeSize(volume) >= claimSize(claim) ? [] : grow };
}

/** What the claim has now, or why it has not what it asks for. */
export function planStatus(seen: ObservedClaim, { failure }: Outcome): StatusPlan<PersistentVolumeClaim> | undefined {
  const both = work(seen);
  if (both === undefined || failure !== undefined) return undefined;
  const [claim] = both;
  const {
    conditions,
    allocatedResources: _resources,
    allocatedResourceStatuses: _statuses,
    ...before
  } = claim.status ?? {};
  const storage = claim.spec?.resources?.requests?.['storage'] ?? '';
  if (!hasRoom(claim, seen)) {
    const condition = {
      type: 'ControllerResizeError',
      status: 'True',
      reason: 'NoRoom',
      message: noRoom(claim, seen),
    } as const;
    const status: Status = {
      ...before,
      conditions: setCondition(removeCondition(conditions, 'Resizing'), condition, seen.timestamp),
      allocatedResources: { storage },
      allocatedResourceStatuses: { storage: 'ControllerResizeInfeasible' },
    };
    return { status };
  }
  const left = removeCondition(removeCondition(conditions, 'Resizing'), 'ControllerResizeError');
  return {
    status: {
      ...before,
      capacity: { ...before.capacity, storage },
      ...(left.length === 0 ? {} : { conditions: left }),
    },
  };
}
