/** The types the collector knows, as owners and as dependents alike. */
import {
  coreEvents,
  furtherClusterTypes,
  namespacedTypes,
  namespaces,
  nodes,
  type ResourceType,
} from '@timonel/sdk/kube';

/** Phantom types apart, every type is handled alike. Events own nothing, and end by themselves. */
export const collectedTypes: readonly ResourceType[] = [
  ...namespacedTypes.filter(({ group, resource }) => group !== coreEvents.group || resource !== coreEvents.resource),
  ...furtherClusterTypes,
];

/** Types that own but are not collected themselves. */
export const ownerOnlyTypes: readonly ResourceType[] = [nodes, namespaces] as readonly ResourceType[];

/** `group/resource`. */
export function typeId(type: ResourceType): string {
  return `${type.group}/${type.resource}`;
}

export const allTypes: readonly ResourceType[] = [...collectedTypes, ...ownerOnlyTypes];

/** Whether objects of the type are deleted for their owners' sake, and not only own themselves. */
export function isCollected(type: ResourceType): boolean {
  return !ownerOnlyTypes.includes(type);
}
