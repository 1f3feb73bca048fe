import type { ScaleMapping } from '@timonel/sdk/contracts/api-server';

/** How Deployments and ReplicaSets scale. */
export const workloadScale: ScaleMapping = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  selectorPath: '.spec.selector',
};
