/** Claims that ask for more than they have. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import {
  persistentVolumeClaims,
  wholeQuantity,
  type PersistentVolumeClaim,
  type StorageClass,
} from '@timonel/sdk/kube';
import { claimSize, classNameOf, isFullyBound, storageResizer } from '@timonel/sdk/volumes';

export interface Observed extends Observation<PersistentVolumeClaim> {
  readonly storageClass: StorageClass | undefined;
}

/** It is bound, and its volume is smaller than what it asks for. */
export function wantsMore(claim: PersistentVolumeClaim): boolean {
  const has = wholeQuantity(claim.status?.capacity?.['storage'] ?? '') ?? Number.POSITIVE_INFINITY;
  return isFullyBound(claim) && claim.status?.phase === 'Bound' && claimSize(claim) > has;
}

/** Hands the claim to whoever makes the volumes of its class. What is refused at the door (see `admission.ts`) is refused here, too. */
export function reconcile({ subject: claim, storageClass }: Observed): Reconciliation {
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined || !wantsMore(claim))
    return { actions: [] };
  const className = classNameOf(claim);
  if (storageClass?.allowVolumeExpansion !== true) {
    const what =
      storageClass === undefined
        ? `there is no storage class "${className}"`
        : `storage class "${className}" does not allow volumes to grow`;
    const message = `cannot expand the volume: ${what}`;
    const event = { reason: 'VolumeResizeFailed', message, kind: 'Warning' } as const;
    return { actions: [act.event(persistentVolumeClaims, event, { code: 'NotAllowed', text: message })] };
  }
  const { provisioner = '' } = storageClass;
  if (claim.metadata.annotations?.[storageResizer] === provisioner) return { actions: [] };
  const metadata = { ...claim.metadata, annotations: { ...claim.metadata.annotations, [storageResizer]: provisioner } };
  const message = `waiting for an external controller to expand this PVC: ${provisioner}`;
  const cause = { code: 'WantsMore', text: 'the claim asks for more than its volume has' };
  const event = { reason: 'ExternalExpanding', message };
  return { actions: [act.update(persistentVolumeClaims, claim, { ...claim, metadata }, { cause, event })] };
}

export function explain({ subject: claim, storageClass }: Observed): readonly Cause[] {
  if (claim === undefined || !wantsMore(claim)) return [];
  const wanted = claim.spec?.resources?.requests?.['storage'] ?? '';
  const has = claim.status?.capacity?.['storage'] ?? '';
  const failed = claim.status?.conditions?.find(({ type }) => type === 'ControllerResizeError');
  const isAllowed = storageClass?.allowVolumeExpansion === true;
  const who = storageClass?.provisioner ?? '';
  const text = `the claim asks for ${wanted} and has ${has}`;
  const why = failed?.message === undefined ? text : `${text}: ${failed.message}`;
  return [
    {
      component: 'controller-volumeexpand',
      code: isAllowed ? 'expanding' : 'expansion-not-allowed',
      text: why,
      unblock: isAllowed
        ? `${who} is to make the volume larger: see the events of the claim`
        : `set allowVolumeExpansion in storage class "${classNameOf(claim)}"`,
    },
  ];
}
