import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { externalSchedulers, type ExternalScheduler } from '@timonel/sdk/contracts/scheduler';
import { z } from 'zod';

const external = z.strictObject({
  /** Pods with this `spec.schedulerName` wait for it. */
  name: z.string().min(1).max(253),
  /** Where it runs, or whom to ask. */
  hint: z.string().max(1024).optional(),
});

const config = z.strictObject({
  /** Programs that speak the Kubernetes API and bind pods of their name. */
  schedulers: z
    .array(external)
    .max(1000)
    .default([])
    .superRefine((schedulers, context) => {
      const names = schedulers.map(({ name }) => name);
      for (const [at, name] of names.entries()) {
        if (names.indexOf(name) === at) continue;
        context.addIssue({ code: 'custom', path: [at, 'name'], message: `"${name}" is there twice` });
      }
    }),
});

/** Tells which pods are left to schedulers outside, so that they are shown as waiting for them and not as forgotten. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-external',
  version: '0.1.0',
  apiVersion: 1,
  description: 'names schedulers that run outside, whose pods are left to them',
  provides: { external: externalSchedulers },
  config,
  setup(ctx) {
    const schedulers = Object.freeze(ctx.config.schedulers.map((each) => Object.freeze(each) as ExternalScheduler));
    return { provides: { external: { list: () => schedulers } } };
  },
});

export default plugin;
