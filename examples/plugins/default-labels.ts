/** Gives every new Deployment the labels that it lacks. */
import { definePlugin } from '@timonel/sdk';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import { z } from 'zod';

const config = z.strictObject({
  /** Label keys with their default values. */
  labels: z.record(z.string(), z.string()).default({ team: 'unknown' }),
});

export default definePlugin({
  name: 'default-labels',
  version: '1.0.0',
  apiVersion: 1,
  description: 'gives Deployments default labels',
  config,
  setup(ctx) {
    ctx.tap(
      apiHooks.objectMutate,
      (object, { resource, operation, subresource }) => {
        if (resource !== 'deployments' || operation !== 'CREATE' || subresource !== '') return undefined;
        object.metadata.labels = { ...ctx.config.labels, ...object.metadata.labels };
        return object;
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? 0 },
    );
  },
});
