/** From what is planned for an object to the writes that carry it out, each fenced by the version that the plan was made of. Pure. */
import { act, type Action, type ActionCause, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { foregroundFinalizer, orphanFinalizer, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import type { Dependent } from './dependents.ts';
import { isCollected } from './kinds.ts';
import { blocks, plan, type OwnerState, type Plan } from './reconcile.ts';

export interface Observed extends Observation<KubeObject> {
  readonly type: ResourceType;
  /** State of each owner by uid. */
  readonly owners: ReadonlyMap<string, OwnerState>;
  /** By the caches. */
  readonly dependents: readonly Dependent[];
  /** By the API itself. Asked only where the plan is about them; otherwise empty. */
  readonly live: readonly Dependent[];
}

export function planOf({ subject, owners, dependents }: Observed): Plan | undefined {
  if (subject === undefined) return undefined;
  return plan({ object: subject, owners, dependents: dependents.map(({ object }) => object) });
}

/** Whether the plan needs to know what the object owns beyond what the caches show. */
export function needsLive(planned: Plan | undefined): boolean {
  return planned?.do === 'orphanDependents' || planned?.do === 'release';
}

const texts: Readonly<Record<Plan['cause'], string>> = {
  AllOwnersGone: 'all its owners are gone',
  OwnersLeave: 'its owners are being deleted in the foreground, and wait for it',
  SomeOwnersGone: 'some of its owners are gone, others are not',
  DeletedAsOrphaning: 'it was deleted so that its dependents stay',
  NoBlockingDependents: 'it is being deleted, and nothing that it owns holds it up',
};

export function causeOf({ cause }: Plan): ActionCause {
  return { code: cause, text: texts[cause] };
}

function withoutFinalizer(type: ResourceType, object: KubeObject, name: string, cause: ActionCause): Action {
  const finalizers = (object.metadata.finalizers ?? []).filter((finalizer) => finalizer !== name);
  return act.update(type, object, { ...object, metadata: { ...object.metadata, finalizers } }, { cause });
}

function withoutOwner({ type, object }: Dependent, owner: KubeObject, cause: ActionCause): Action {
  const { ownerReferences: references = [], ...metadata } = object.metadata;
  const left = references.filter(({ uid }) => uid !== owner.metadata.uid);
  const next = { ...object, metadata: left.length > 0 ? { ...metadata, ownerReferences: left } : metadata };
  return act.update(type, object, next, { cause });
}

function actionsOf({ subject: object, type, live }: Observed, planned: Plan): readonly Action[] {
  if (object === undefined) return [];
  const cause = causeOf(planned);
  switch (planned.do) {
    case 'dropReferences': {
      const metadata = { ...object.metadata, ownerReferences: [...planned.keep] };
      return [act.update(type, object, { ...object, metadata }, { cause })];
    }
    case 'orphanDependents':
      // The finalizer goes last: a release that fails ends the pass.
      return [
        ...live.map((dependent) => withoutOwner(dependent, object, cause)),
        withoutFinalizer(type, object, orphanFinalizer, cause),
      ];
    case 'release':
      // The event of what blocks will bring the owner here again.
      if (live.some((dependent) => blocks(dependent.object, object.metadata.uid))) return [];
      return [withoutFinalizer(type, object, foregroundFinalizer, cause)];
    case 'delete': {
      if (!isCollected(type)) return [];
      const { resourceVersion } = object.metadata;
      // The version too: somebody may have adopted it meanwhile.
      const preconditions = resourceVersion === undefined ? {} : { resourceVersion };
      const options = { preconditions, propagationPolicy: planned.propagationPolicy };
      return [act.delete(type, object, { options, cause })];
    }
  }
}

export function reconcile(observed: Observed): Reconciliation {
  const planned = planOf(observed);
  return { actions: planned === undefined ? [] : actionsOf(observed, planned) };
}
