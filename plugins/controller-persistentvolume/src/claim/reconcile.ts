/** What a claim needs to be bound: a pure function from what was observed to the actions to take. */
import { act, type Action, type ActionCause, type ActionEvent, type Reconciliation } from '@timonel/sdk/controller';
import {
  persistentVolumeClaims,
  persistentVolumes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type StorageClass,
} from '@timonel/sdk/kube';
import {
  betaStorageProvisioner,
  bindCompleted,
  boundByController,
  classNameOf,
  givenTo,
  isSetAsideFor,
  mismatch,
  noProvisioner,
  selectedNode,
  storageProvisioner,
  wantsDefaultClass,
} from '@timonel/sdk/volumes';
import { chooseVolume } from './choose.ts';
import { lossOf } from './loss.ts';
import { isBound, nameOf, waits, type ObservedClaim } from './observed.ts';

const nothing: readonly Action[] = Object.freeze([]);

function tell(reason: string, message: string, kind: ActionEvent['kind'] = 'Warning'): readonly Action[] {
  return [act.event(persistentVolumeClaims, { reason, message, kind }, { code: reason, text: message })];
}

function completed(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaim {
  const chosenHere = (claim.spec?.volumeName ?? '') === '';
  const marks = { [bindCompleted]: 'yes', ...(chosenHere ? { [boundByController]: 'yes' } : {}) };
  return {
    ...claim,
    metadata: { ...claim.metadata, annotations: { ...claim.metadata.annotations, ...marks } },
    spec: { ...claim.spec, volumeName: nameOf(volume) },
  };
}

/**
 * The volume is written first, fenced by its version: of two claims that chose the same one gets it, and the other's pass ends
 * there. Only then does the claim name it.
 */
function bind(claim: PersistentVolumeClaim, volume: PersistentVolume, cause: ActionCause): readonly Action[] {
  const actions: Action[] = [];
  const isGiven = volume.spec?.claimRef?.uid === claim.metadata.uid && isSetAsideFor(volume, claim);
  if (!isGiven) actions.push(act.update(persistentVolumes, volume, givenTo(volume, claim), { cause }));
  const isComplete = isBound(claim) && claim.spec?.volumeName === nameOf(volume);
  if (!isComplete) actions.push(act.update(persistentVolumeClaims, claim, completed(claim, volume), { cause }));
  return actions;
}

function withClass(claim: PersistentVolumeClaim, storageClass: StorageClass): readonly Action[] {
  const storageClassName = nameOf(storageClass);
  const next = { ...claim, spec: { ...claim.spec, storageClassName } };
  const cause = { code: 'DefaultClass', text: `the claim names no class, and ${storageClassName} is the default` };
  return [act.update(persistentVolumeClaims, claim, next, { cause })];
}

function provision(claim: PersistentVolumeClaim, storageClass: StorageClass): readonly Action[] {
  const { provisioner = '' } = storageClass;
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  const event = { reason: 'ExternalProvisioning', message };
  const cause = { code: 'Provisioning', text: `the provisioner ${provisioner} of its class is to make a volume` };
  const { annotations } = claim.metadata;
  const keys = [storageProvisioner, betaStorageProvisioner];
  if (keys.every((key) => annotations?.[key] === provisioner)) return nothing;
  const marks = Object.fromEntries(keys.map((key) => [key, provisioner]));
  const metadata = { ...claim.metadata, annotations: { ...annotations, ...marks } };
  return [act.update(persistentVolumeClaims, claim, { ...claim, metadata }, { cause, event })];
}

/** No volume that is there will do. */
function unmatched(seen: ObservedClaim, claim: PersistentVolumeClaim): readonly Action[] {
  const className = classNameOf(claim);
  if (className === '') {
    const wanted = 'name a storage class in the claim, mark one as the default, or create a volume without a class';
    const message = `no persistent volumes available for this claim and no storage class is set: ${wanted}`;
    return tell('FailedBinding', message, 'Normal');
  }
  const { storageClass } = seen;
  if (storageClass === undefined) {
    return tell('ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`);
  }
  if (waits(seen) && claim.metadata.annotations?.[selectedNode] === undefined) {
    return tell('WaitForFirstConsumer', 'waiting for first consumer to be created before binding', 'Normal');
  }
  if ((storageClass.provisioner ?? noProvisioner) === noProvisioner) {
    const wanted = `create one, since volumes of class "${className}" are not made on demand`;
    return tell('FailedBinding', `no persistent volumes available for this claim: ${wanted}`, 'Normal');
  }
  return provision(claim, storageClass);
}

/** A claim that leaves the volume to the cluster. */
function open(seen: ObservedClaim, claim: PersistentVolumeClaim): readonly Action[] {
  const { defaultClass } = seen;
  if (wantsDefaultClass(claim) && defaultClass !== undefined) return withClass(claim, defaultClass);
  const volume = chooseVolume(claim, seen.candidates, waits(seen));
  if (volume === undefined) return unmatched(seen, claim);
  const text = isSetAsideFor(volume, claim)
    ? `volume ${nameOf(volume)} is set aside for the claim`
    : `volume ${nameOf(volume)} is the smallest that fits`;
  return bind(claim, volume, { code: 'VolumeFound', text });
}

/** A claim whose volume a person has chosen. */
function named({ named: volume }: ObservedClaim, claim: PersistentVolumeClaim): readonly Action[] {
  if (volume === undefined) return nothing;
  const cause = { code: 'VolumeNamed', text: `the claim names volume ${nameOf(volume)}` };
  if (volume.spec?.claimRef === undefined) {
    const why = mismatch(volume, claim);
    if (why === undefined) return bind(claim, volume, cause);
    return tell('VolumeMismatch', `Cannot bind to requested volume "${nameOf(volume)}": ${why}`);
  }
  if (isSetAsideFor(volume, claim)) return bind(claim, volume, cause);
  return tell('FailedBinding', `volume "${nameOf(volume)}" already bound to a different claim.`);
}

/** A claim that was bound: its volume is still there and its own, or the claim has lost it. */
function bound(seen: ObservedClaim, claim: PersistentVolumeClaim): readonly Action[] {
  const loss = lossOf(seen, claim);
  if (loss !== undefined) return claim.status?.phase === 'Lost' ? nothing : tell(loss.reason, loss.message);
  const { named: volume } = seen;
  if (volume === undefined) return nothing;
  return bind(claim, volume, { code: 'VolumeUnaware', text: `volume ${nameOf(volume)} does not say whose it is` });
}

export function reconcile(seen: ObservedClaim): Reconciliation {
  const { subject: claim } = seen;
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return { actions: nothing };
  if (isBound(claim)) return { actions: bound(seen, claim) };
  return { actions: (claim.spec?.volumeName ?? '') === '' ? open(seen, claim) : named(seen, claim) };
}
