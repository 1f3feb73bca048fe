/** Looks into a namespace and carries the actions of `reconcile.ts` out. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isConflict, isNotFound, namespacedTypes, namespaces, type Namespace } from '@timonel/sdk/kube';
import type { Action, Content } from './reconcile.ts';

/** So many objects of a type are looked at and deleted in one pass; the next pass goes on. */
const pageLimit = 1000;
const deletionsAtOnce = 32;

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

async function remove(api: ApiClient, { type, object }: Action & { do: 'delete' }): Promise<void> {
  const { namespace, name = '', uid } = object.metadata;
  try {
    await api.delete(
      type,
      { namespace, name },
      { propagationPolicy: 'Background', ...(uid === undefined ? {} : { preconditions: { uid } }) },
    );
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

export async function execute(api: ApiClient, namespace: Namespace, actions: readonly Action[]): Promise<void> {
  const deletions = actions.filter((action) => action.do === 'delete');
  for (let first = 0; first < deletions.length; first += deletionsAtOnce) {
    await Promise.all(deletions.slice(first, first + deletionsAtOnce).map((action) => remove(api, action)));
  }
  const finalize = actions.find((action) => action.do === 'finalize');
  if (finalize === undefined) return;
  const { name = '' } = namespace.metadata;
  const body: Namespace = { ...namespace, spec: { ...namespace.spec, finalizers: [...finalize.finalizers] } };
  try {
    await api.createSubresource(namespaces, { name }, 'finalize', body);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
