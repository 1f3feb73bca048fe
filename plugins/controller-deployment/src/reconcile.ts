/** What a deployment needs: a pure function from what was observed to the actions to take. Its status is in `status.ts`. */
import { planClaims } from '@timonel/sdk/controller';
import { fromLabelSelector, type Deployment, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import { isRecreate } from './bounds.ts';
import {
  findNewSet,
  makeNewSet,
  newSetAnnotations,
  nextRevision,
  revisionAnnotation,
  revisionOf,
  sizeAnnotations,
  specReplicas,
  type Annotations,
} from './revisions.ts';
import {
  isScaledUp,
  isScaling,
  newSetSize,
  scale,
  shrinkOldSets,
  sizeAnnotationsOutdated,
  type Resize,
} from './sizes.ts';
import { isComplete, numbersOf } from './status.ts';

export interface Observed {
  readonly deployment: Deployment;
  /** Replica sets of its namespace that it controls or that nobody controls. */
  readonly replicaSets: readonly ReplicaSet[];
  /** Pods of these replica sets. Needed for the strategy Recreate only. */
  readonly pods: readonly Pod[];
  /** ms since the epoch. */
  readonly nowMs: number;
  readonly timestamp: string;
}

export type Cause =
  | 'SelectorMatches'
  | 'SelectorDoesNotMatch'
  | 'NewTemplate'
  | 'RollingUpdate'
  | 'Recreate'
  | 'Scaled'
  | 'NewRevision'
  | 'RevisionHistoryLimit';

/** A change of one replica set. */
export interface Change {
  readonly do: 'change';
  readonly set: ReplicaSet;
  readonly replicas: number;
  readonly minReadySeconds: number | undefined;
  readonly annotations: Annotations;
  readonly cause: Cause;
}

export type Action =
  | { readonly do: 'adopt' | 'release'; readonly set: ReplicaSet; readonly cause: Cause }
  | { readonly do: 'create'; readonly set: ReplicaSet; readonly cause: Cause }
  | Change
  | { readonly do: 'delete'; readonly set: ReplicaSet; readonly cause: Cause }
  | { readonly do: 'annotate'; readonly annotations: Annotations; readonly cause: Cause };

/** The deployment's replica sets as this pass sees them. */
export interface Sets {
  readonly newSet: ReplicaSet | undefined;
  readonly oldSets: readonly ReplicaSet[];
}

function claimsOf({ deployment, replicaSets }: Observed): ReturnType<typeof planClaims<ReplicaSet>> {
  return planClaims(deployment, fromLabelSelector(deployment.spec.selector), replicaSets);
}

export function setsOf(observed: Observed): Sets {
  const { owned, adopt } = claimsOf(observed);
  const sets = [...owned, ...adopt];
  const newSet = findNewSet(observed.deployment, sets);
  return { newSet, oldSets: sets.filter((set) => set !== newSet) };
}

function change(set: ReplicaSet, cause: Cause, more: Partial<Change> = {}): Change {
  return {
    do: 'change',
    set,
    replicas: specReplicas(set),
    minReadySeconds: set.spec.minReadySeconds,
    annotations: {},
    cause,
    ...more,
  };
}

/** Resizes as changes; sets that keep their size are touched only when their size annotations are outdated. */
function resize(deployment: Deployment, resizes: readonly Resize[], cause: Cause): Change[] {
  return resizes
    .filter(({ set, replicas }) => replicas !== specReplicas(set) || sizeAnnotationsOutdated(deployment, set))
    .map(({ set, replicas }) => change(set, cause, { replicas, annotations: sizeAnnotations(deployment) }));
}

/** Two changes of one set become one. */
function merged(changes: readonly Change[]): Change[] {
  const bySet = new Map<ReplicaSet, Change>();
  for (const next of changes) {
    const before = bySet.get(next.set);
    const resized = next.replicas !== specReplicas(next.set) || before === undefined;
    const minReadySeconds =
      next.minReadySeconds === next.set.spec.minReadySeconds ? before?.minReadySeconds : next.minReadySeconds;
    bySet.set(next.set, {
      ...next,
      replicas: resized ? next.replicas : before.replicas,
      minReadySeconds: before === undefined ? next.minReadySeconds : minReadySeconds,
      annotations: { ...before?.annotations, ...next.annotations },
    });
  }
  return [...bySet.values()];
}

/** The new set's annotations and minReadySeconds follow the deployment; the deployment shows the new set's revision. */
function followRevision(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Action[] {
  const actions: Action[] = [];
  const annotations = newSetAnnotations(deployment, newSet, oldSets);
  const { minReadySeconds } = deployment.spec;
  if (Object.keys(annotations).length > 0 || (minReadySeconds ?? 0) !== (newSet.spec.minReadySeconds ?? 0)) {
    actions.push(change(newSet, 'NewRevision', { annotations, minReadySeconds }));
  }
  const revision = annotations[revisionAnnotation] ?? String(revisionOf(newSet));
  if (deployment.metadata.annotations?.[revisionAnnotation] !== revision) {
    actions.push({ do: 'annotate', annotations: { [revisionAnnotation]: revision }, cause: 'NewRevision' });
  }
  return actions;
}

/** Replica sets beyond the history limit: empty, not changing, the oldest revisions. */
function surplusHistory(deployment: Deployment, oldSets: readonly ReplicaSet[]): Action[] {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const alive = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined);
  const oldest = [...alive].sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, alive.length - limit));
  return oldest
    .filter((set) => (set.status?.replicas ?? 0) === 0 && !isScaledUp(set))
    .filter((set) => (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0))
    .map((set) => ({ do: 'delete', set, cause: 'RevisionHistoryLimit' }));
}

function createNewSet(deployment: Deployment, oldSets: readonly ReplicaSet[]): Action[] {
  const set = makeNewSet(deployment, oldSets, newSetSize(deployment, undefined, oldSets));
  const annotations = { [revisionAnnotation]: String(nextRevision(oldSets)) };
  return [
    { do: 'create', set, cause: 'NewTemplate' },
    { do: 'annotate', annotations, cause: 'NewRevision' },
  ];
}

function rollOut(deployment: Deployment, { newSet, oldSets }: Sets): Change[] {
  if (newSet === undefined) return [];
  const size = newSetSize(deployment, newSet, oldSets);
  // One step a pass: what comes next depends on what this one does.
  if (size !== specReplicas(newSet)) return resize(deployment, [{ set: newSet, replicas: size }], 'RollingUpdate');
  return resize(deployment, shrinkOldSets(deployment, newSet, oldSets), 'RollingUpdate');
}

function recreate({ deployment, pods }: Observed, { newSet, oldSets }: Sets): Action[] {
  const scaledUp = oldSets.filter(isScaledUp);
  if (scaledUp.length > 0)
    return resize(
      deployment,
      scaledUp.map((set) => ({ set, replicas: 0 })),
      'Recreate',
    );
  const old = new Set(oldSets.map((set) => set.metadata.uid));
  const running = pods.some(
    ({ metadata, status }) =>
      status?.phase !== 'Succeeded' &&
      status?.phase !== 'Failed' &&
      metadata.ownerReferences?.some((reference) => reference.controller === true && old.has(reference.uid)) === true,
  );
  if (running) return [];
  if (newSet === undefined) return createNewSet(deployment, oldSets);
  const replicas = newSetSize(deployment, newSet, oldSets);
  return replicas === specReplicas(newSet) ? [] : resize(deployment, [{ set: newSet, replicas }], 'Recreate');
}

/** The next step of the deployment. Nothing to do: an empty list. */
export function plan(observed: Observed): Action[] {
  const { deployment } = observed;
  if (deployment.metadata.deletionTimestamp !== undefined) return [];
  const claims = claimsOf(observed);
  const actions: Action[] = [
    ...claims.release.map((set): Action => ({ do: 'release', set, cause: 'SelectorDoesNotMatch' })),
    ...claims.adopt.map((set): Action => ({ do: 'adopt', set, cause: 'SelectorMatches' })),
  ];
  // A claim changes the replica set: the next pass goes on from what came of it.
  if (actions.length > 0) return actions;
  const sets = setsOf(observed);
  const { newSet, oldSets } = sets;
  if (newSet !== undefined) actions.push(...followRevision(deployment, newSet, oldSets));
  const paused = deployment.spec.paused === true;
  if (isRecreate(deployment) && !paused) actions.push(...recreate(observed, sets));
  else if (paused || isScaling(deployment, newSet === undefined ? oldSets : [newSet, ...oldSets])) {
    actions.push(...resize(deployment, scale(deployment, newSet, oldSets), 'Scaled'));
  } else if (newSet === undefined) actions.push(...createNewSet(deployment, oldSets));
  else actions.push(...rollOut(deployment, sets));
  if (paused || isComplete(deployment, numbersOf(deployment, sets)))
    actions.push(...surplusHistory(deployment, oldSets));
  const changes = merged(actions.filter((action) => action.do === 'change'));
  return [...actions.filter((action) => action.do !== 'change'), ...changes];
}
