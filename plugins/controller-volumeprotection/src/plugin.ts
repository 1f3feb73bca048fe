import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { explainers } from '@timonel/sdk/contracts/why';
import { controllerPart, keysFrom, runControllers } from '@timonel/sdk/controller';
import { objectKey, persistentVolumeClaims, persistentVolumes, pods, type Pod } from '@timonel/sdk/kube';
import { podClaims } from '@timonel/sdk/volumes';
import { protectNew } from './admission.ts';
import { explainClaim, reconcileClaim, usesClaim } from './claim.ts';
import { LivePods } from './live-pods.ts';
import { reconcileVolume } from './volume.ts';

function claimKeys(pod: Pod): string[] {
  const { namespace = '', name = '' } = pod.metadata;
  return podClaims(pod, name).map((claim) => `${namespace}/${claim.name}`);
}

/** Keeps claims as long as pods use them. */
const claims = controllerPart({
  name: 'controller-volumeprotection',
  component: 'pvc-protection-controller',
  subject: persistentVolumeClaims,
  inputs: ({ informers, api }) => ({
    claims: informers.for(persistentVolumeClaims),
    pods: informers.for(pods, { indexes: { claim: claimKeys } }),
    live: new LivePods(api),
  }),
  sources: (inputs) => [keysFrom(inputs.claims, (claim) => [objectKey(claim)]), keysFrom(inputs.pods, claimKeys)],
  async observe(key, inputs, now) {
    const claim = inputs.claims.get(key);
    if (claim === undefined) return undefined;
    const cached = inputs.pods.byIndex('claim', key);
    const isKept = claim.metadata.deletionTimestamp === undefined || cached.some((pod) => usesClaim(pod, claim));
    if (isKept) return { ...now, subject: claim, pods: cached };
    // A pod may have come that the cache does not show yet; none comes to a node after its claim was deleted.
    const { namespace = '', resourceVersion = '' } = claim.metadata;
    const since = await inputs.live.since(namespace, resourceVersion);
    const isFree = !since.some((pod) => usesClaim(pod, claim));
    return { ...now, subject: claim, pods: isFree ? since : await inputs.live.now(namespace) };
  },
  reconcile: reconcileClaim,
  explain: explainClaim,
  // It works on claims that are being deleted; every write is fenced by the version.
  confirm: false,
});

/** Keeps volumes as long as they are bound. */
const volumes = controllerPart({
  name: 'controller-volumeprotection',
  component: 'pv-protection-controller',
  subject: persistentVolumes,
  inputs: ({ informers }) => informers.for(persistentVolumes),
  sources: (cache) => [keysFrom(cache, (volume) => [objectKey(volume)])],
  observe: (key, cache, now) => {
    const volume = cache.get(key);
    return volume === undefined ? undefined : { ...now, subject: volume };
  },
  reconcile: reconcileVolume,
  confirm: false,
});

const plugin: AnyPlugin = definePlugin({
  name: 'controller-volumeprotection',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Keeps claims that pods use, and volumes that are bound, until they are free.',
  provides: { controller, explainers },
  requires: { api: apiClient },
  optional: { leadership },
  swap: 'drain',
  setup(ctx) {
    ctx.tap(apiHooks.objectMutate, protectNew);
    return runControllers(ctx, [claims, volumes]);
  },
});

export default plugin;
