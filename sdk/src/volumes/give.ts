import type { PersistentVolume, PersistentVolumeClaim } from '../kube/index.ts';
import { boundByController } from './annotations.ts';

/** The volume, given to this very claim. To be written fenced by the volume's version: of two claims that chose it one gets it. */
export function givenTo(volume: PersistentVolume, { metadata }: PersistentVolumeClaim): PersistentVolume {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
  const annotations = { ...volume.metadata.annotations, [boundByController]: 'yes' };
  return {
    ...volume,
    // One that a person set aside for the claim is given back to the claim, not to all, when they part.
    metadata: volume.spec?.claimRef === undefined ? { ...volume.metadata, annotations } : volume.metadata,
    spec: { ...volume.spec, claimRef: { ...volume.spec?.claimRef, ...claimRef } },
  };
}
