/** Keys in the store: `/registry/<group, core for the empty one>/<resource>/[<namespace>/]<name>`. */
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';

export const registryPrefix = '/registry/';

type Named = Pick<ResourceDefinition, 'group' | 'resource' | 'namespaced'>;

export function resourcePrefix(definition: Pick<ResourceDefinition, 'group' | 'resource'>): string {
  return `${registryPrefix}${definition.group === '' ? 'core' : definition.group}/${definition.resource}/`;
}

export function objectKeyOf(definition: Named, namespace: string | undefined, name: string): string {
  const prefix = resourcePrefix(definition);
  return definition.namespaced ? `${prefix}${namespace ?? ''}/${name}` : `${prefix}${name}`;
}

/** The part of a key that names the resource. */
export function resourcePrefixOf(key: string): string | undefined {
  const group = key.indexOf('/', registryPrefix.length);
  const resource = group === -1 ? -1 : key.indexOf('/', group + 1);
  return resource === -1 ? undefined : key.slice(0, resource + 1);
}
