/** The status of a claim: pure. */
import type { Outcome, StatusPlan } from '@timonel/sdk/controller';
import type { PersistentVolume, PersistentVolumeClaim } from '@timonel/sdk/kube';
import { lossOf } from './loss.ts';
import { isBound, nameOf, type ObservedClaim } from './observed.ts';

type Status = NonNullable<PersistentVolumeClaim['status']>;

/** The volume that the claim names, as the pass has left it. */
function volumeAfter(seen: ObservedClaim, { answers }: Outcome, name: string): PersistentVolume | undefined {
  for (const answer of answers.values()) {
    if (answer.metadata.name === name && answer.metadata.namespace === undefined) return answer;
  }
  return seen.named ?? seen.candidates.find((volume) => nameOf(volume) === name);
}

function boundStatus(before: Status, volume: PersistentVolume): Status {
  const { accessModes = [], capacity = {} } = volume.spec ?? {};
  // Once bound, the capacity is a matter of those who make the volume larger.
  const isNew = before.phase !== 'Bound' || before.capacity === undefined;
  return { ...before, phase: 'Bound', accessModes, ...(isNew ? { capacity: { ...capacity } } : {}) };
}

export function planStatus(seen: ObservedClaim, outcome: Outcome): StatusPlan<PersistentVolumeClaim> | undefined {
  const { subject: claim } = seen;
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return undefined;
  const { accessModes: _modes, capacity: _capacity, ...before } = claim.status ?? {};
  if (!isBound(claim)) return { status: { ...before, phase: 'Pending' } };
  const volume = volumeAfter(seen, outcome, claim.spec?.volumeName ?? '');
  if (volume === undefined || lossOf({ ...seen, named: volume }, claim) !== undefined) {
    return { status: { ...before, phase: 'Lost' } };
  }
  // The volume has to say so first.
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid) return undefined;
  return { status: boundStatus(claim.status ?? {}, volume) };
}
