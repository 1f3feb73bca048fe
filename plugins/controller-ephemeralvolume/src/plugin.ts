import type { AnyPlugin } from '@timonel/sdk';
import { defineController, keysFrom } from '@timonel/sdk/controller';
import {
  controllerOf,
  objectKey,
  persistentVolumeClaims,
  pods,
  type PersistentVolumeClaim,
  type Pod,
} from '@timonel/sdk/kube';
import { explain, reconcile, wantedClaims } from './reconcile.ts';

function claimKeys(pod: Pod): string[] {
  return wantedClaims(pod).map(({ claimName }) => `${pod.metadata.namespace ?? ''}/${claimName}`);
}

/** Of pods without ephemeral volumes there is nothing to do. */
const keysOfPod = (pod: Pod): string[] => (wantedClaims(pod).length === 0 ? [] : [objectKey(pod)]);

function ownerKey(claim: PersistentVolumeClaim): string[] {
  const owner = controllerOf(claim);
  return owner?.kind === 'Pod' ? [`${claim.metadata.namespace ?? ''}/${owner.name}`] : [];
}

const plugin: AnyPlugin = defineController({
  name: 'controller-ephemeralvolume',
  version: '0.1.0',
  description: 'Makes the claims of pods that bring the template of a volume along.',
  component: 'ephemeral-volume-controller',
  subject: pods,
  inputs: ({ informers }) => ({
    pods: informers.for(pods, { indexes: { ephemeral: claimKeys } }),
    claims: informers.for(persistentVolumeClaims),
  }),
  sources: (inputs) => [
    keysFrom(inputs.pods, keysOfPod),
    keysFrom(inputs.claims, (claim) => [
      ...ownerKey(claim),
      ...inputs.pods.byIndex('ephemeral', objectKey(claim)).map(objectKey),
    ]),
  ],
  observe(key, inputs, now) {
    const pod = inputs.pods.get(key);
    if (pod === undefined || wantedClaims(pod).length === 0) return undefined;
    const claims = new Map<string, PersistentVolumeClaim>();
    for (const claimKey of claimKeys(pod)) {
      const claim = inputs.claims.get(claimKey);
      if (claim !== undefined) claims.set(claim.metadata.name ?? '', claim);
    }
    return { ...now, subject: pod, claims };
  },
  reconcile,
  explain,
});

export default plugin;
