/** What is in a namespace. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  customResourceDefinitions,
  isNotFound,
  namespacedTypes,
  typeOfDefinition,
  type ResourceType,
} from '@timonel/sdk/kube';
import type { Content } from './reconcile.ts';

/** So many objects of a type are looked at and deleted in one pass; the next pass goes on. */
const pageLimit = 1000;

/** Kinds that users described. */
async function customTypes(api: ApiClient): Promise<readonly ResourceType[]> {
  try {
    const { items } = await api.list(customResourceDefinitions);
    return items.filter(({ spec }) => spec.scope === 'Namespaced').map(typeOfDefinition);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** By linearizable lists, not caches: what is missing in a lagging cache must not be lost with its namespace. */
export async function contentOf(api: ApiClient, namespace: string): Promise<Content[]> {
  const found: Content[] = [];
  for (const type of [...namespacedTypes, ...(await customTypes(api))]) {
    try {
      const { items } = await api.list(type, { namespace, limit: pageLimit });
      if (items.length > 0) found.push({ type, objects: items });
    } catch (error) {
      // The type is not served: there are no objects of it.
      if (!isNotFound(error)) throw error;
    }
  }
  return found;
}
