/** A quota of pods, refused as a ResourceQuota refuses: what controllers then do. */
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiHooks, refuse } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';

export interface PodQuota {
  readonly plugin: AnyPlugin;
  /** So many more pods may be made in the namespace. */
  allow(namespace: string, pods: number): void;
  /** Creations that were refused. */
  readonly refusals: number;
}

export function podQuota(): PodQuota {
  const left = new Map<string, number>();
  let refusals = 0;
  const plugin = definePlugin({
    name: 'pod-quota',
    version: '1.0.0',
    apiVersion: 1,
    setup(ctx) {
      ctx.tap(apiHooks.objectValidate, ({ metadata }, { resource, operation, subresource, namespace = '' }) => {
        const allowed = left.get(namespace);
        if (resource !== 'pods' || operation !== 'CREATE' || subresource !== '' || allowed === undefined)
          return undefined;
        if (allowed > 0) {
          left.set(namespace, allowed - 1);
          return undefined;
        }
        refusals += 1;
        // The name is another at each attempt.
        const message = `pods "${metadata.name}" is forbidden: exceeded quota: few, requested: pods=1`;
        return [refuse(new ApiError('Forbidden', message))];
      });
      return {};
    },
  });
  return {
    plugin,
    allow: (namespace, pods) => void left.set(namespace, pods),
    get refusals() {
      return refusals;
    },
  };
}
