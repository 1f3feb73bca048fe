/** Which volumes a claim could be bound to, wherever they are. Source: Kubernetes documentation, "Persistent Volumes", Binding. */
import {
  fromLabelSelector,
  matchesSelector,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '../kube/index.ts';
import { claimSize, classNameOf, volumeSize } from './claims.ts';

const modeOf = ({ spec }: PersistentVolumeClaim | PersistentVolume): string => spec?.volumeMode ?? 'Filesystem';
const attributesOf = ({ spec }: PersistentVolumeClaim | PersistentVolume): string =>
  spec?.volumeAttributesClassName ?? '';

/** Of the right size and kind, and not going. */
export function isUsable(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (
    volume.metadata.deletionTimestamp === undefined &&
    volumeSize(volume) >= claimSize(claim) &&
    modeOf(volume) === modeOf(claim) &&
    attributesOf(volume) === attributesOf(claim)
  );
}

function isSelected({ metadata }: PersistentVolume, { spec }: PersistentVolumeClaim): boolean {
  if (spec?.selector === undefined) return true;
  try {
    return matchesSelector(fromLabelSelector(spec.selector), metadata.labels);
  } catch {
    return false;
  }
}

/** Free, and as the claim wants it. */
export function isOffered(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const modes = volume.spec?.accessModes ?? [];
  return (
    volume.spec?.claimRef === undefined &&
    volume.status?.phase === 'Available' &&
    isSelected(volume, claim) &&
    (claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode))
  );
}

/** What speaks against binding this very volume to the claim, for people; undefined: nothing. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volumeSize(volume) < claimSize(claim)) return 'requested PV is too small';
  if (classNameOf(volume) !== classNameOf(claim)) return 'storageClassName does not match';
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  if (attributesOf(volume) !== attributesOf(claim)) return 'volumeAttributesClassName does not match';
  const modes = volume.spec?.accessModes ?? [];
  const lacking = (claim.spec?.accessModes ?? []).filter((mode) => !modes.includes(mode));
  return lacking.length === 0 ? undefined : 'incompatible accessMode';
}
