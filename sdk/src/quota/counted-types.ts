/** The kinds whose objects can be counted. */
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
  type Quantities,
  type ResourceType,
} from '../kube/index.ts';
import { evaluatorOf } from './evaluators.ts';
import { namesOf } from './quota.ts';

export const countedTypes: readonly ResourceType[] = Object.freeze([
  pods,
  services,
  configMaps,
  secrets,
  serviceAccounts,
  deployments,
  replicaSets,
  endpoints,
  endpointSlices,
  leases,
  coreEvents,
  ...furtherNamespacedTypes,
] as readonly ResourceType[]);

/** Those that a quota with these bounds counts. */
export function typesCountedBy(hard: Quantities | undefined): readonly ResourceType[] {
  return countedTypes.filter((type) => namesOf(hard, evaluatorOf(type)).length > 0);
}
