/** Refuses Deployments with too many replicas. Runs in a thread of its own: if it loops or crashes, the cluster goes on. */
import { definePlugin } from '@timonel/sdk';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import type { Deployment } from '@timonel/sdk/kube';
import { z } from 'zod';

export default definePlugin({
  name: 'limit-replicas',
  version: '1.0.0',
  apiVersion: 1,
  description: 'refuses Deployments with too many replicas',
  config: z.strictObject({ most: z.int().positive().default(50) }),
  isolation: 'worker',
  setup(ctx) {
    ctx.tap(apiHooks.objectValidate, (object, { resource, operation }) => {
      if (resource !== 'deployments' || operation === 'DELETE') return undefined;
      const { replicas = 1 } = (object as unknown as Deployment).spec;
      if (replicas <= ctx.config.most) return undefined;
      const message = `Invalid value: ${replicas}: at most ${ctx.config.most} are allowed`;
      return [{ field: 'spec.replicas', reason: 'FieldValueInvalid', message }];
    });
  },
});
