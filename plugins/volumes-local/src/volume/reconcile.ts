/** Volumes of this node whose time is over. Pure. */
import { act, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { persistentVolumes, type PersistentVolume } from '@timonel/sdk/kube';
import { directoryFinalizer, isOwn } from '../names.ts';

export interface ObservedVolume extends Observation<PersistentVolume> {
  readonly nodeName: string;
}

function withoutFinalizer(volume: PersistentVolume): PersistentVolume {
  const finalizers = (volume.metadata.finalizers ?? []).filter((finalizer) => finalizer !== directoryFinalizer);
  return { ...volume, metadata: { ...volume.metadata, finalizers } };
}

/** The volume object first, then its directory, then the mark that keeps the object: so a crash in between leaves nothing behind. */
export function reconcile({ subject: volume, nodeName }: ObservedVolume): Reconciliation {
  if (volume === undefined || !isOwn(volume, nodeName)) return { actions: [] };
  const { deletionTimestamp, finalizers = [] } = volume.metadata;
  const isToGo = volume.spec?.persistentVolumeReclaimPolicy === 'Delete';
  const phase = volume.status?.phase;
  if (deletionTimestamp === undefined) {
    if (phase !== 'Released' || !isToGo) return { actions: [] };
    const cause = { code: 'Released', text: 'its claim is gone, and its reclaim policy is Delete' };
    const { resourceVersion } = volume.metadata;
    // Somebody may have let it be kept, or given it to another claim, a moment ago.
    const options = resourceVersion === undefined ? {} : { preconditions: { resourceVersion } };
    return { actions: [act.delete(persistentVolumes, volume, { cause, options })] };
  }
  // One that is bound is kept by its protection.
  if (phase === 'Bound' || !finalizers.includes(directoryFinalizer)) return { actions: [] };
  const cause = {
    code: 'Deleted',
    text: isToGo ? 'its directory goes with it' : 'its directory is kept: policy Retain',
  };
  const failure = { reason: 'VolumeFailedDelete', message: 'cannot remove the directory of the volume: ' };
  const event = {
    reason: 'DirectoryRemoved',
    message: `Removed ${volume.spec?.local?.path ?? 'its directory'}`,
    failure,
  };
  const remove = isToGo ? [act.effect(persistentVolumes, 'remove-directory', volume, { cause, event })] : [];
  return { actions: [...remove, act.update(persistentVolumes, volume, withoutFinalizer(volume), { cause })] };
}
