import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { explainers } from '@timonel/sdk/contracts/why';
import { controllerPart, runControllers } from '@timonel/sdk/controller';
import { persistentVolumeClaims, persistentVolumes } from '@timonel/sdk/kube';
import { classNameOf, defaultClassOf, wantsDefaultClass } from '@timonel/sdk/volumes';
import { explainClaim } from './claim/explain.ts';
import { reconcile as reconcileClaim } from './claim/reconcile.ts';
import { planStatus as planClaimStatus } from './claim/status.ts';
import { claimKeyOf, found, inputsOf, sourcesOfClaims, sourcesOfVolumes } from './inputs.ts';
import { explainVolume } from './volume/explain.ts';
import { planStatus as planVolumeStatus, reconcile as reconcileVolume } from './volume/reconcile.ts';

const component = 'persistentvolume-controller';

/** Binds each claim to a volume that is there, or asks its provisioner for one. */
const claims = controllerPart({
  name: 'controller-persistentvolume',
  component,
  subject: persistentVolumeClaims,
  inputs: inputsOf,
  sources: sourcesOfClaims,
  async observe(key, { claims: cache, volumes, classes }, now, { api }) {
    const claim = cache.get(key);
    if (claim === undefined) return undefined;
    const name = claim.spec?.volumeName ?? '';
    return {
      ...now,
      subject: claim,
      named: name === '' ? undefined : await found(api, persistentVolumes, volumes, name),
      candidates: name === '' ? [...volumes.byIndex('claim', key), ...volumes.byIndex('free', classNameOf(claim))] : [],
      storageClass: classes.get(classNameOf(claim)),
      defaultClass: wantsDefaultClass(claim) ? defaultClassOf(classes.list()) : undefined,
    };
  },
  reconcile: reconcileClaim,
  status: planClaimStatus,
  explain: explainClaim,
});

/** Says of each volume whose it is, and lets go of those whose claim is gone. */
const volumes = controllerPart({
  name: 'controller-persistentvolume',
  component,
  subject: persistentVolumes,
  inputs: inputsOf,
  sources: sourcesOfVolumes,
  async observe(key, { claims: cache, volumes: own }, now, { api }) {
    const volume = own.get(key);
    if (volume === undefined) return undefined;
    const { uid = '' } = volume.spec?.claimRef ?? {};
    const claimKey = claimKeyOf(volume);
    if (uid === '' || claimKey === undefined) return { ...now, subject: volume, claim: undefined };
    const cached = cache.get(claimKey);
    const isOther = cached !== undefined && cached.metadata.uid !== uid;
    const claim = isOther ? cached : await found(api, persistentVolumeClaims, cache, claimKey);
    return { ...now, subject: volume, claim: claim?.metadata.uid === uid ? claim : undefined };
  },
  reconcile: reconcileVolume,
  status: planVolumeStatus,
  explain: explainVolume,
  // Volumes that are being deleted have a phase, too; every write is fenced by the version of the volume.
  confirm: false,
});

const plugin: AnyPlugin = definePlugin({
  name: 'controller-persistentvolume',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Binds PersistentVolumeClaims to PersistentVolumes, and asks provisioners for those that are missing.',
  provides: { controller, explainers },
  requires: { api: apiClient },
  optional: { leadership },
  swap: 'drain',
  setup: (ctx) => runControllers(ctx, [claims, volumes]),
});

export default plugin;
