/** What is left of the kind of a definition that is being deleted. */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  isDefinitionCondition,
  typeOfDefinition,
  type CustomResourceDefinition,
  type KubeObject,
  type ResourceType,
} from '@timonel/sdk/kube';
import type { Remains } from './reconcile.ts';

/** So many objects are looked at and deleted in one pass; the next pass goes on. */
const pageLimit = 1000;

/** Some of them, and all as soon as there are few. Those that finalizers hold may fill whole pages. */
async function someOf(api: Pick<ApiClient, 'list'>, type: ResourceType): Promise<readonly KubeObject[]> {
  let { items, metadata } = await api.list(type, { limit: pageLimit });
  while (metadata.continue && items.every((one) => one.metadata.deletionTimestamp !== undefined)) {
    const next = await api.list(type, { limit: pageLimit, continue: metadata.continue });
    metadata = next.metadata;
    if (next.items.length > 0) items = next.items;
  }
  return items;
}

/** By a linearizable list, not a cache: nothing may be left behind. */
export async function remainsOf(
  api: Pick<ApiClient, 'list'>,
  definition: CustomResourceDefinition,
): Promise<Remains | { unknown: string }> {
  const type = typeOfDefinition(definition);
  // Nothing was ever served.
  if (!isDefinitionCondition(definition, 'Established')) return { type, objects: [] };
  try {
    return { type, objects: await someOf(api, type) };
  } catch (error) {
    return { unknown: errorMessage(error) };
  }
}
