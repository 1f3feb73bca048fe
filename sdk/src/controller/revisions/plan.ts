import {
  controllerReference,
  controllerRevisions,
  fromLabelSelector,
  type ControllerRevision,
  type KubeObject,
  type LabelSelector,
  type PodTemplateSpec,
  type ResourceType,
} from '../../kube/index.ts';
import { jsonEqual } from '../json-equal.ts';
import { planClaims } from '../ownership.ts';
import { act, type Action } from '../reconciler/actions.ts';
import { claimActions } from '../reconciler/claims.ts';
import { revisionNameLimit, revisionData, revisionHash, revisionName } from './data.ts';
import { byRevision } from './history.ts';

export interface RevisedOwner extends KubeObject {
  spec: { selector: LabelSelector; template: PodTemplateSpec };
  status?: { collisionCount?: number };
}

export interface RevisionsSeen {
  /** Those of the owner's namespace that it controls or that nobody controls. */
  readonly revisions: readonly ControllerRevision[];
  /** Whoever has the name of the revision of the present template: see {@link wantedRevisionName}. */
  readonly atName: ControllerRevision | undefined;
}

export interface RevisionPlan {
  /** Of the present template: there, or made by `actions`. Undefined: its name is taken, and `status.collisionCount` must grow. */
  readonly newest: ControllerRevision | undefined;
  /** The owner's, the oldest first, without `newest` if that is yet to be made. */
  readonly revisions: readonly ControllerRevision[];
  /** Adoptions; the creation of the newest, or its new number. */
  readonly actions: readonly Action[];
}

/** The name that the revision of the owner's template gets. */
export function wantedRevisionName(owner: RevisedOwner): string {
  const hash = revisionHash(owner.spec.template, owner.status?.collisionCount ?? 0);
  return revisionName(owner.metadata.name ?? '', hash);
}

function newRevision(
  owner: RevisedOwner,
  type: ResourceType,
  hashLabel: string,
  revision: number,
  data: object,
): ControllerRevision {
  const { namespace, annotations } = owner.metadata;
  const hash = revisionHash(owner.spec.template, owner.status?.collisionCount ?? 0);
  return {
    metadata: {
      name: wantedRevisionName(owner),
      ...(namespace === undefined ? {} : { namespace }),
      // By these labels kubectl finds it.
      labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ownerReferences: [controllerReference(owner, type)],
    },
    data,
    revision,
  };
}

/** One that somebody made by hand may have a name that no pod can carry. */
function isUsable({ metadata: { name = '' } }: ControllerRevision): boolean {
  return name.length <= revisionNameLimit;
}

/**
 * Finds the revision of the owner's present template. A template that was there before gets its old revision back, with a new
 * number: so a roll-back restarts nothing that is of that revision already.
 */
export function planRevision(
  owner: RevisedOwner,
  type: ResourceType,
  hashLabel: string,
  { revisions, atName }: RevisionsSeen,
): RevisionPlan {
  const { owned, adopt } = planClaims(owner, fromLabelSelector(owner.spec.selector), revisions);
  const alive = [...owned, ...adopt].filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const mine = byRevision(alive);
  const adoptions = claimActions(controllerRevisions, { owned, adopt, release: [] }, owner, type);
  const data = revisionData(owner.spec.template);
  const last = mine.at(-1);
  const same = mine.findLast((revision) => isUsable(revision) && jsonEqual(revision.data, data));
  const number = (last?.revision ?? 0) + 1;
  if (same !== undefined) {
    // One that is adopted in this pass gets its number in the next.
    if (same === last || adopt.includes(same)) return { newest: same, revisions: mine, actions: adoptions };
    const newest = { ...same, revision: number };
    const cause = { code: 'TemplateRestored', text: `${same.metadata.name} is the newest revision again` };
    const raise = act.update(controllerRevisions, same, newest, { cause });
    const others = mine.filter((revision) => revision !== same);
    return { newest, revisions: [...others, newest], actions: [...adoptions, raise] };
  }
  if (atName !== undefined) return { newest: undefined, revisions: mine, actions: adoptions };
  const newest = newRevision(owner, type, hashLabel, number, data);
  const cause = { code: 'NewTemplate', text: `the template has no revision yet: it becomes number ${number}` };
  return { newest, revisions: mine, actions: [...adoptions, act.create(controllerRevisions, newest, { cause })] };
}
