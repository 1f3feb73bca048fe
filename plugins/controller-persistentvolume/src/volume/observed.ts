import type { Observation } from '@timonel/sdk/controller';
import type { PersistentVolume, PersistentVolumeClaim } from '@timonel/sdk/kube';
import { provisionedBy } from '@timonel/sdk/volumes';

export interface ObservedVolume extends Observation<PersistentVolume> {
  /** The claim that the volume is for; undefined: there is none, or another one of its name. */
  readonly claim: PersistentVolumeClaim | undefined;
}

export type Relation =
  /** Nobody's; or set aside for a claim of a name, which has not taken it. */
  | 'free'
  /** Given to a claim that does not say so yet. */
  | 'given'
  | 'bound'
  /** Its claim is gone. */
  | 'left'
  /** Its claim has another volume. */
  | 'spare';

/** What a volume is to its claim. */
export function relationOf({ subject: volume, claim }: ObservedVolume): Relation {
  const { uid = '' } = volume?.spec?.claimRef ?? {};
  if (uid === '') return 'free';
  if (claim === undefined) return 'left';
  const { volumeName = '' } = claim.spec ?? {};
  if (volumeName === '') return 'given';
  return volumeName === volume?.metadata.name ? 'bound' : 'spare';
}

/** Made for its claim alone, and to go with it. */
export function isDisposable({ metadata, spec }: PersistentVolume): boolean {
  return metadata.annotations?.[provisionedBy] !== undefined && spec?.persistentVolumeReclaimPolicy === 'Delete';
}
