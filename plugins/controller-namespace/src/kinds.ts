import {
  configMaps,
  coreEvents,
  deployments,
  endpoints,
  endpointSlices,
  furtherNamespacedTypes,
  leases,
  pods,
  replicaSets,
  secrets,
  serviceAccounts,
  services,
  type ResourceType,
} from '@timonel/sdk/kube';

/** Namespaced types in the order in which a namespace is emptied: pods first, for they take the longest to go; events last, for they tell about it. */
export const namespacedTypes: readonly ResourceType[] = [
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
] as readonly ResourceType[];
