import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { schedulingPlugins } from '@timonel/sdk/contracts/scheduler';
import { informers } from '@timonel/sdk/controller';
import { persistentVolumeClaims } from '@timonel/sdk/kube';
import { volumeBinding } from '@timonel/sdk/scheduling/rules';
import { z } from 'zod';
import { ClaimBinder } from './binder.ts';

const config = z.strictObject({
  /** How long a pod waits on its node for volumes to be made and bound, before it is placed anew. */
  bindTimeoutMs: z.number().int().min(100).default(600_000),
  /** The same for claims that another pod has provided for. */
  othersTimeoutMs: z.number().int().min(100).default(30_000),
});

/** Takes the place of the rule VolumeBinding of all schedulers: theirs says where a pod could go, this one also binds its volumes. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduling-volumes',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Binds the volumes that claims wait for where the scheduler places their pod.',
  provides: { rules: schedulingPlugins },
  requires: { api: apiClient },
  config,
  swap: 'drain',
  setup(ctx) {
    const { api } = ctx.deps;
    const caches = informers(ctx, api);
    const binder = new ClaimBinder({
      api,
      claims: caches.for(persistentVolumeClaims),
      timers: ctx.env.timers,
      limitMs: ctx.config.bindTimeoutMs,
      othersLimitMs: ctx.config.othersTimeoutMs,
      fieldManager: ctx.name,
    });
    return {
      provides: { rules: { make: () => [volumeBinding(binder)] } },
      start: () => caches.start(),
      async stop() {
        binder.close();
        await caches.stop();
      },
    };
  },
});

export default plugin;
