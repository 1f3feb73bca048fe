/** What is in a namespace. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isNotFound, namespacedTypes } from '@timonel/sdk/kube';
import type { Content } from './reconcile.ts';

/** So many objects of a type are looked at and deleted in one pass; the next pass goes on. */
const pageLimit = 1000;

/** By linearizable lists, not caches: what is missing in a lagging cache must not be lost with its namespace. */
export async function contentOf(api: ApiClient, namespace: string): Promise<Content[]> {
  const found: Content[] = [];
  for (const type of namespacedTypes) {
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
