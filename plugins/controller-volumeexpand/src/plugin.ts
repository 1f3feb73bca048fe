import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { explainers } from '@timonel/sdk/contracts/why';
import { controllerPart, keysFrom, runControllers, type Wiring } from '@timonel/sdk/controller';
import { objectKey, persistentVolumeClaims, storageClasses } from '@timonel/sdk/kube';
import { classNameOf } from '@timonel/sdk/volumes';
import { growingClaim, growthRefusal } from './admission.ts';
import { explain, reconcile, wantsMore } from './reconcile.ts';

const inputs = ({ informers }: Pick<Wiring<never, never, unknown>, 'informers'>) => ({
  claims: informers.for(persistentVolumeClaims, {
    indexes: { growing: (claim) => (wantsMore(claim) ? classNameOf(claim) : undefined) },
  }),
  classes: informers.for(storageClasses),
});

const claims = controllerPart({
  name: 'controller-volumeexpand',
  component: 'volume_expand',
  subject: persistentVolumeClaims,
  inputs,
  sources: (caches) => [
    keysFrom(caches.claims, (claim) => (wantsMore(claim) ? [objectKey(claim)] : [])),
    keysFrom(caches.classes, ({ metadata: { name = '' } }) => caches.claims.byIndex('growing', name).map(objectKey)),
  ],
  observe(key, caches, now) {
    const claim = caches.claims.get(key);
    if (claim === undefined) return undefined;
    return { ...now, subject: claim, storageClass: caches.classes.get(classNameOf(claim)) };
  },
  reconcile,
  explain,
});

const plugin: AnyPlugin = definePlugin({
  name: 'controller-volumeexpand',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Lets claims grow where their class allows it, and hands them to whoever makes their volumes.',
  provides: { controller, explainers },
  requires: { api: apiClient },
  optional: { leadership },
  swap: 'drain',
  setup(ctx) {
    const running = runControllers(ctx, [claims]);
    const classes = running.informers.for(storageClasses);
    ctx.tap(apiHooks.objectValidate, (object, context) => {
      const claim = growingClaim(object, context);
      // As long as classes are not known, the controller is the one that says no.
      if (claim === undefined || !classes.hasSynced) return undefined;
      return growthRefusal(claim, classes.get(classNameOf(claim)));
    });
    return running;
  },
});

export default plugin;
