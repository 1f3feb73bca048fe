/** Whether a volume may go. Pure. */
import { act, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { persistentVolumes, type PersistentVolume } from '@timonel/sdk/kube';
import { volumeProtection } from '@timonel/sdk/volumes';
import { withFinalizer, withoutFinalizer } from './finalizers.ts';

export function reconcileVolume({ subject: volume }: Observation<PersistentVolume>): Reconciliation {
  if (volume === undefined) return { actions: [] };
  const { deletionTimestamp, finalizers = [] } = volume.metadata;
  const isProtected = finalizers.includes(volumeProtection);
  if (deletionTimestamp === undefined) {
    const cause = { code: 'Unprotected', text: 'a claim may come to be bound to the volume' };
    const next = withFinalizer(volume, volumeProtection);
    return { actions: isProtected ? [] : [act.update(persistentVolumes, volume, next, { cause })] };
  }
  if (!isProtected || volume.status?.phase === 'Bound') return { actions: [] };
  const cause = { code: 'Unbound', text: 'the volume is being deleted, and no claim is bound to it' };
  return { actions: [act.update(persistentVolumes, volume, withoutFinalizer(volume, volumeProtection), { cause })] };
}
