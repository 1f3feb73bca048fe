/** What becomes of a volume: a pure function from what was observed to the actions to take, and to its status. */
import { act, type Action, type Outcome, type Reconciliation, type StatusPlan } from '@timonel/sdk/controller';
import { persistentVolumes, type PersistentVolume } from '@timonel/sdk/kube';
import { boundByController, provisionedBy } from '@timonel/sdk/volumes';
import { isDisposable, relationOf, type ObservedVolume } from './observed.ts';

interface PhaseOf {
  readonly phase: string;
  readonly message?: string;
}

/** Free again: for all, or for the first claim of the name that a person has written. */
function released(volume: PersistentVolume): PersistentVolume {
  const { [boundByController]: chosen, ...annotations } = volume.metadata.annotations ?? {};
  const { claimRef, ...spec } = volume.spec ?? {};
  const { uid: _uid, resourceVersion: _version, ...setAside } = claimRef ?? {};
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: chosen === undefined ? { ...spec, claimRef: setAside } : spec,
  };
}

/** Why nobody will do what the reclaim policy says. */
function cannotReclaim({ metadata, spec }: PersistentVolume): string | undefined {
  const { persistentVolumeReclaimPolicy: policy } = spec ?? {};
  if (policy === 'Recycle') {
    return 'the reclaim policy Recycle is not supported: remove the data and the claimRef by hand, or use Retain';
  }
  if (policy !== 'Delete' || metadata.annotations?.[provisionedBy] !== undefined) return undefined;
  return 'no provisioner made this volume, so none removes it: delete its data and the volume by hand, or use Retain';
}

const isReclaimed = ({ status }: PersistentVolume): boolean =>
  status?.phase === 'Released' || status?.phase === 'Failed';

function phaseOf(seen: ObservedVolume, volume: PersistentVolume): PhaseOf {
  const relation = relationOf(seen);
  if (relation === 'free') return { phase: 'Available' };
  if (relation === 'bound') return { phase: 'Bound' };
  if (relation === 'given') return { phase: volume.status?.phase ?? 'Pending' };
  const problem = cannotReclaim(volume);
  return problem === undefined ? { phase: 'Released' } : { phase: 'Failed', message: problem };
}

export function reconcile(seen: ObservedVolume): Reconciliation {
  const { subject: volume } = seen;
  if (volume === undefined) return { actions: [] };
  const actions: Action[] = [];
  const relation = relationOf(seen);
  if (relation === 'spare' && !isDisposable(volume)) {
    const text = `its claim has volume ${seen.claim?.spec?.volumeName ?? ''}`;
    actions.push(act.update(persistentVolumes, volume, released(volume), { cause: { code: 'ClaimHasAnother', text } }));
  } else if (relation === 'left' && !isReclaimed(volume)) {
    const message = cannotReclaim(volume);
    if (message !== undefined) {
      const cause = { code: 'CannotReclaim', text: message };
      actions.push(act.event(persistentVolumes, { reason: 'VolumeFailedDelete', message, kind: 'Warning' }, cause));
    }
  }
  return { actions };
}

/** Called with the volume as the pass has left it. */
export function planStatus(
  seen: ObservedVolume,
  { failure }: Pick<Outcome, 'failure'>,
): StatusPlan<PersistentVolume> | undefined {
  const { subject: volume } = seen;
  if (volume === undefined || failure !== undefined) return undefined;
  const { phase, message } = phaseOf(seen, volume);
  const { message: _before, ...before } = volume.status ?? {};
  const since = before.phase === phase ? before.lastPhaseTransitionTime : seen.timestamp;
  return {
    status: {
      ...before,
      phase,
      ...(since === undefined ? {} : { lastPhaseTransitionTime: since }),
      ...(message === undefined ? {} : { message }),
    },
  };
}
