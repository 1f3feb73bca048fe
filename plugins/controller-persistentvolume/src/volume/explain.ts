/** What keeps a volume from being of use, for `timonel why`. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { provisionedBy } from '@timonel/sdk/volumes';
import { relationOf, type ObservedVolume } from './observed.ts';

const component = 'controller-persistentvolume';

export function explainVolume(seen: ObservedVolume): readonly Cause[] {
  const { subject: volume } = seen;
  if (volume === undefined) return [];
  const { name = '' } = volume.metadata;
  const { claimRef, persistentVolumeReclaimPolicy: policy = '' } = volume.spec ?? {};
  const claim = `${claimRef?.namespace ?? ''}/${claimRef?.name ?? ''}`;
  const relation = relationOf(seen);
  if (volume.status?.phase === 'Failed') {
    const unblock = 'remove its data and the volume by hand';
    return [{ component, code: 'failed', text: volume.status.message ?? 'it could not be reclaimed', unblock }];
  }
  if (relation === 'left') {
    const provisioner = volume.metadata.annotations?.[provisionedBy];
    const isRemoved = policy === 'Delete' && provisioner !== undefined;
    const text = `claim ${claim} is gone, and the reclaim policy is ${policy}`;
    const unblock = isRemoved
      ? `the provisioner ${provisioner} is to remove it; it must be running where the volume is, and if that place is gone for good: take the finalizers from the volume and delete it`
      : `to use the volume again remove its claimRef: kubectl patch pv ${name} --type=json -p '[{"op":"remove","path":"/spec/claimRef"}]'`;
    return [{ component, code: 'released', text, unblock, detail: { claim } }];
  }
  if (relation === 'free' && claimRef !== undefined) {
    const text = `the volume is set aside for claim ${claim}, which has not taken it`;
    return [{ component, code: 'set-aside', text, unblock: `create claim ${claim}, or remove the claimRef` }];
  }
  if (volume.metadata.deletionTimestamp !== undefined && relation === 'bound') {
    const text = `the volume goes when claim ${claim} is gone`;
    return [{ component, code: 'in-use', text, unblock: `delete claim ${claim}` }];
  }
  return [];
}
