/** Which volume an unbound claim gets. */
import type { PersistentVolume, PersistentVolumeClaim } from '@timonel/sdk/kube';
import { classNameOf, isOffered, isSetAsideFor, isUsable, volumeSize } from '@timonel/sdk/volumes';
import { nameOf } from './observed.ts';

function isSmaller(a: PersistentVolume, b: PersistentVolume): boolean {
  const [sizeA, sizeB] = [volumeSize(a), volumeSize(b)];
  return sizeA === sizeB ? nameOf(a) < nameOf(b) : sizeA < sizeB;
}

/** The smallest one that fits; one that is set aside for the claim before all others. `onlySetAside`: none but such a one. */
export function chooseVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  onlySetAside: boolean,
): PersistentVolume | undefined {
  let chosen: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (!isUsable(volume, claim)) continue;
    if (isSetAsideFor(volume, claim)) return volume;
    const fits = !onlySetAside && classNameOf(volume) === classNameOf(claim) && isOffered(volume, claim);
    if (fits && (chosen === undefined || isSmaller(volume, chosen))) chosen = volume;
  }
  return chosen;
}
