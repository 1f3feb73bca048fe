/** What happens to an object whose owners may be gone: a pure function from what was observed to what is to be done. */
import { foregroundFinalizer, orphanFinalizer, type KubeObject, type OwnerReference } from '@timonel/sdk/kube';

/**
 * `leaving`: being deleted in the foreground, so that it waits for its dependents. `unknown`: the owner is of a type this
 * cluster does not tell us about. It counts as present: never delete by ignorance.
 */
export type OwnerState = 'present' | 'leaving' | 'absent' | 'unknown';

export interface Observed {
  readonly object: KubeObject;
  /** State of each owner by uid. A uid that differs from the one of the object with that name is absent. */
  readonly owners: ReadonlyMap<string, OwnerState>;
  /** What the object owns itself. */
  readonly dependents: readonly KubeObject[];
}

export type Plan =
  | {
      readonly do: 'delete';
      readonly propagationPolicy: 'Background' | 'Foreground';
      readonly cause: 'AllOwnersGone' | 'OwnersLeave';
    }
  | { readonly do: 'dropReferences'; readonly keep: readonly OwnerReference[]; readonly cause: 'SomeOwnersGone' }
  | { readonly do: 'orphanDependents'; readonly cause: 'DeletedAsOrphaning' }
  | { readonly do: 'release'; readonly cause: 'NoBlockingDependents' };

/** Whether the object is being deleted in the foreground. */
export function isLeaving({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(foregroundFinalizer);
}

/** Whether it is being deleted and has a finalizer that the collector takes off. */
export function isBeingCollected({ metadata }: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [] } = metadata;
  return deletionTimestamp !== undefined && (finalizers.includes(orphanFinalizer) || isLeaving({ metadata }));
}

/** Whether `dependent` holds up the deletion of its owner in the foreground. */
export function blocks(dependent: KubeObject, ownerUid: string | undefined): boolean {
  const references = dependent.metadata.ownerReferences ?? [];
  return references.some(({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion === true);
}

function planDeleted({ object, dependents }: Observed): Plan | undefined {
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(orphanFinalizer)) return { do: 'orphanDependents', cause: 'DeletedAsOrphaning' };
  if (!finalizers.includes(foregroundFinalizer)) return undefined;
  if (dependents.some((dependent) => blocks(dependent, object.metadata.uid))) return undefined;
  return { do: 'release', cause: 'NoBlockingDependents' };
}

/**
 * An object goes when all its owners are gone or wait for it; references to such owners are dropped while others are left. An
 * object that is being deleted lets go of its dependents, or waits for them, as its finalizers say.
 */
export function plan(observed: Observed): Plan | undefined {
  const { object, owners, dependents } = observed;
  if (object.metadata.deletionTimestamp !== undefined) return planDeleted(observed);
  const references = object.metadata.ownerReferences ?? [];
  const stateOf = ({ uid }: OwnerReference): OwnerState => owners.get(uid) ?? 'unknown';
  const keep = references.filter((reference) => ['present', 'unknown'].includes(stateOf(reference)));
  if (keep.length === references.length) return undefined;
  if (keep.length > 0) return { do: 'dropReferences', keep, cause: 'SomeOwnersGone' };
  if (!references.some((reference) => stateOf(reference) === 'leaving')) {
    return { do: 'delete', propagationPolicy: 'Background', cause: 'AllOwnersGone' };
  }
  // In a circle of owners the one whose dependents leave already must not wait for them.
  const waits = dependents.some((dependent) => !isLeaving(dependent));
  return { do: 'delete', propagationPolicy: waits ? 'Foreground' : 'Background', cause: 'OwnersLeave' };
}
