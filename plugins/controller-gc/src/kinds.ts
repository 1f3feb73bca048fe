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

/** The type an owner reference names. The version may differ: it is the same object. */
export function typeOfReference(reference: {
  readonly apiVersion: string;
  readonly kind: string;
}): ResourceType | undefined {
  const group = reference.apiVersion.includes('/') ? reference.apiVersion.split('/')[0] : '';
  return allTypes.find((type) => type.kind === reference.kind && type.group === group);
}
