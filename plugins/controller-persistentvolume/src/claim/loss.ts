import type { PersistentVolumeClaim } from '@timonel/sdk/kube';
import { isSetAsideFor } from '@timonel/sdk/volumes';
import type { ObservedClaim } from './observed.ts';

/** How a claim that was bound came to be without its volume; undefined: it has it. */
export function lossOf(
  { named: volume }: ObservedClaim,
  claim: PersistentVolumeClaim,
): { readonly reason: string; readonly message: string } | undefined {
  if ((claim.spec?.volumeName ?? '') === '') {
    const message = 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!';
    return { reason: 'ClaimLost', message };
  }
  if (volume === undefined) {
    const message = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!';
    return { reason: 'ClaimLost', message };
  }
  if (volume.spec?.claimRef === undefined || isSetAsideFor(volume, claim)) return undefined;
  const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
  return { reason: 'ClaimMisbound', message };
}
