/** What happens to an object whose owners may be gone: a pure function from what was observed to the action to take. */
import type { KubeObject, OwnerReference } from '@timonel/sdk/kube';

/** `unknown`: the owner is of a type this cluster does not tell us about. It counts as present: never delete by ignorance. */
export type OwnerState = 'present' | 'absent' | 'unknown';

export interface Observed {
  readonly object: KubeObject;
  /** State of each owner by uid. A uid that differs from the one of the object with that name is absent. */
  readonly owners: ReadonlyMap<string, OwnerState>;
}

export type Action =
  | { readonly do: 'delete'; readonly cause: 'AllOwnersGone' }
  | { readonly do: 'dropReferences'; readonly keep: readonly OwnerReference[]; readonly cause: 'SomeOwnersGone' };

/** Background collection: an object goes when all its owners are gone; references to owners that are gone are dropped. */
export function plan({ object, owners }: Observed): Action | undefined {
  const references = object.metadata.ownerReferences ?? [];
  if (references.length === 0 || object.metadata.deletionTimestamp !== undefined) return undefined;
  const keep = references.filter((reference) => owners.get(reference.uid) !== 'absent');
  if (keep.length === references.length) return undefined;
  return keep.length === 0
    ? { do: 'delete', cause: 'AllOwnersGone' }
    : { do: 'dropReferences', keep, cause: 'SomeOwnersGone' };
}
