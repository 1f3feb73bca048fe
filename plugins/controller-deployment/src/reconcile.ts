/** What a deployment needs: a pure function from what was observed to the actions to take. Its status is in `status.ts`. */
import {
  act,
  claimActions,
  isPodEnded,
  type Action,
  type ActionCause,
  type Reconciliation,
} from '@timonel/sdk/controller';
import { controllerOf, deployments, replicaSets, type Deployment, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import { boundsOf, isRecreate } from './bounds.ts';
import { resize, scaledMessage, updates, type Change } from './changes.ts';
import { isComplete, numbersOf } from './numbers.ts';
import { allSets, type Observed, type Sets } from './observe.ts';
import {
  makeNewSet,
  newSetAnnotations,
  nextRevision,
  oldestFirst,
  revisionAnnotation,
  revisionOf,
  selectsItsSets,
  specReplicas,
} from './revisions.ts';
import { isGone, isScaledUp, isScaling, newSetSize, scale, shrinkOldSets } from './sizes.ts';

/** Changes of replica sets, and actions on other objects, which go first. */
interface Step {
  readonly changes: readonly Change[];
  readonly actions: readonly Action[];
}

const nothing: Step = { changes: [], actions: [] };

const causes = {
  newTemplate: { code: 'NewTemplate', text: 'no replica set has the template of the deployment' },
  newRevision: { code: 'NewRevision', text: 'the replica set of the template is the newest revision' },
  recreate: { code: 'Recreate', text: 'the strategy is Recreate: all old pods go before the first new one comes' },
  history: { code: 'RevisionHistoryLimit', text: 'more old replica sets than revisionHistoryLimit' },
} satisfies Record<string, ActionCause>;

function rollingCause(deployment: Deployment): ActionCause {
  const { replicas, maxSurge, maxUnavailable } = boundsOf(deployment);
  const text = `a roll-out has at most ${replicas + maxSurge} pods and at least ${replicas - maxUnavailable} available`;
  return { code: 'RollingUpdate', text };
}

function annotateRevision(deployment: Deployment, revision: string): Action[] {
  const annotations = { [revisionAnnotation]: revision };
  if (deployment.metadata.annotations?.[revisionAnnotation] === revision) return [];
  const patch = { type: 'merge', body: { metadata: { annotations } } } as const;
  return [act.patch(deployments, deployment, patch, { cause: causes.newRevision })];
}

/** The new set's annotations and minReadySeconds follow the deployment; the deployment shows the new set's revision. */
function followRevision(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Step {
  const annotations = newSetAnnotations(deployment, newSet, oldSets);
  const { minReadySeconds = 0 } = deployment.spec;
  const outdated = Object.keys(annotations).length > 0 || minReadySeconds !== (newSet.spec.minReadySeconds ?? 0);
  return {
    changes: outdated ? [{ set: newSet, annotations, minReadySeconds, cause: causes.newRevision }] : [],
    actions: annotateRevision(deployment, annotations[revisionAnnotation] ?? String(revisionOf(newSet))),
  };
}

function createNewSet(deployment: Deployment, oldSets: readonly ReplicaSet[]): Step {
  const set = makeNewSet(deployment, oldSets, newSetSize(deployment, undefined, oldSets));
  // It would be released at once, and the next one made: `status.ts` tells.
  if (!selectsItsSets(deployment)) return nothing;
  const { name } = set.metadata;
  const creation = act.create(replicaSets, set, {
    cause: causes.newTemplate,
    // Either it is ours already, or another has the name: `status.ts` tells by what was found.
    ifExists: 'report',
    event: {
      reason: 'ScalingReplicaSet',
      message: scaledMessage(name, 0, specReplicas(set)),
      onlyFailure: specReplicas(set) === 0,
      failure: { reason: 'ReplicaSetCreateError', message: `Failed to create new replica set "${name}": ` },
    },
  });
  return { changes: [], actions: [creation, ...annotateRevision(deployment, String(nextRevision(oldSets)))] };
}

/** Replica sets beyond the history limit: empty, not changing, the oldest revisions. */
function surplusHistory(deployment: Deployment, oldSets: readonly ReplicaSet[]): Action[] {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const alive = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined);
  const byRevision = oldestFirst(alive).sort((a, b) => revisionOf(a) - revisionOf(b));
  return byRevision
    .slice(0, Math.max(0, alive.length - limit))
    .filter((set) => (set.status?.replicas ?? 0) === 0 && !isScaledUp(set))
    .filter((set) => (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0))
    .map((set) => act.delete(replicaSets, set, { cause: causes.history }));
}

function rollOut(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Step {
  const size = newSetSize(deployment, newSet, oldSets);
  // One step a pass: what comes next depends on what this one does.
  const resizes =
    size === specReplicas(newSet) ? shrinkOldSets(deployment, newSet, oldSets) : [{ set: newSet, replicas: size }];
  return { ...nothing, changes: resize(deployment, resizes, rollingCause(deployment)) };
}

/** Pods of old sets that have not ended, terminating ones included. */
export function oldPodsLeft(pods: readonly Pod[], oldSets: readonly ReplicaSet[]): Pod[] {
  const old = new Set(oldSets.map(({ metadata }) => metadata.uid));
  return pods.filter((pod) => !isPodEnded(pod) && old.has(controllerOf(pod)?.uid));
}

function recreate({ subject, pods }: Observed, { newSet, oldSets }: Sets): Step {
  const scaledUp = oldSets.filter(isScaledUp);
  if (scaledUp.length > 0) {
    const resizes = scaledUp.map((set) => ({ set, replicas: 0 }));
    return { ...nothing, changes: resize(subject, resizes, causes.recreate) };
  }
  // The cache of pods alone would not do: it may not show the youngest of them yet.
  if (!oldSets.every(isGone) || oldPodsLeft(pods(), oldSets).length > 0) return nothing;
  if (newSet === undefined) return createNewSet(subject, oldSets);
  const resizes = [{ set: newSet, replicas: newSetSize(subject, newSet, oldSets) }];
  return { ...nothing, changes: resize(subject, resizes, causes.recreate) };
}

function nextStep(observed: Observed): Step {
  const { subject, sets } = observed;
  const { newSet, oldSets } = sets;
  const paused = subject.spec.paused === true;
  if (isRecreate(subject) && !paused) return recreate(observed, sets);
  if (paused || isScaling(subject, allSets(sets))) {
    const cause = { code: 'Scaled', text: `spec.replicas is ${boundsOf(subject).replicas}` };
    return { ...nothing, changes: resize(subject, scale(subject, newSet, oldSets), cause) };
  }
  return newSet === undefined ? createNewSet(subject, oldSets) : rollOut(subject, newSet, oldSets);
}

/** The next step of the deployment. Nothing to do: an empty list. */
export function reconcile(observed: Observed): Reconciliation {
  const { subject, claims, sets } = observed;
  const { newSet, oldSets } = sets;
  if (subject.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const claiming = claimActions(replicaSets, claims, subject, deployments);
  // A claim changes the replica set: the next pass goes on from what came of it.
  if (claiming.length > 0) return { actions: claiming };
  const revision = newSet === undefined ? nothing : followRevision(subject, newSet, oldSets);
  const step = nextStep(observed);
  const settled = subject.spec.paused === true || isComplete(subject, numbersOf(sets));
  const history = settled ? surplusHistory(subject, oldSets) : [];
  const changes = updates([...revision.changes, ...step.changes]);
  return { actions: [...revision.actions, ...step.actions, ...changes, ...history] };
}
