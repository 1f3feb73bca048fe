import { configMaps, coreEvents, secrets, serviceAccounts, services } from './core.ts';
import { furtherNamespacedTypes } from './further-types.ts';
import type { ResourceType } from './meta.ts';
import { pods } from './pods.ts';
import { deployments, endpoints, endpointSlices, leases, replicaSets } from './workloads.ts';

/** All stored types in namespaces: pods first, for they take the longest to go; events last, for they tell about the others. */
export const namespacedTypes: readonly ResourceType[] = Object.freeze([
  pods,
  ...furtherNamespacedTypes,
  deployments,
  replicaSets,
  services,
  endpointSlices,
  endpoints,
  configMaps,
  secrets,
  serviceAccounts,
  leases,
  coreEvents,
] as readonly ResourceType[]);
