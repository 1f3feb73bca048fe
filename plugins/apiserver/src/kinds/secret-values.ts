import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';

/** Whether what is said of objects of the kind may not repeat what stands in them. */
export const areValuesSecret = ({ group, resource }: Pick<ResourceDefinition, 'group' | 'resource'>): boolean =>
  group === '' && resource === 'secrets';
