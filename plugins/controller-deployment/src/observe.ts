/** What the controller looks at for one deployment. */
import { planClaims, type Claims, type Observation, type Outcome } from '@timonel/sdk/controller';
import {
  controllerOf,
  fromLabelSelector,
  matchesSelector,
  type Deployment,
  type Labels,
  type Pod,
  type ReplicaSet,
} from '@timonel/sdk/kube';
import { findNewSet } from './revisions.ts';

/** The deployment's replica sets: that of the present template, and all others. */
export interface Sets {
  readonly newSet: ReplicaSet | undefined;
  readonly oldSets: readonly ReplicaSet[];
}

export interface Observed extends Observation<Deployment> {
  readonly subject: Deployment;
  readonly claims: Claims<ReplicaSet>;
  readonly sets: Sets;
  /** The pods of its replica sets. Asked for by the strategy Recreate, and to explain. */
  readonly pods: () => readonly Pod[];
}

export const selects = ({ spec }: Deployment, labels: Labels): boolean =>
  matchesSelector(fromLabelSelector(spec.selector), labels);

export const allSets = ({ newSet, oldSets }: Sets): readonly ReplicaSet[] =>
  newSet === undefined ? oldSets : [newSet, ...oldSets];

function sorted(deployment: Deployment, sets: readonly ReplicaSet[]): Sets {
  const newSet = findNewSet(deployment, sets);
  return { newSet, oldSets: sets.filter((set) => set !== newSet) };
}

/** `replicaSets`: those of its namespace that it controls or that nobody controls. */
export function observe(
  subject: Deployment,
  now: { readonly nowMs: number; readonly timestamp: string },
  replicaSets: readonly ReplicaSet[],
  podsOf: (set: ReplicaSet) => readonly Pod[],
): Observed {
  const claims = planClaims(subject, fromLabelSelector(subject.spec.selector), replicaSets);
  const sets = [...claims.owned, ...claims.adopt];
  return { ...now, subject, claims, sets: sorted(subject, sets), pods: () => sets.flatMap(podsOf) };
}

/** The replica sets as the actions of the pass have left them. */
export function setsAfter({ subject, sets }: Observed, { answers }: Outcome): Sets {
  const known = new Map(allSets(sets).map((set) => [set.metadata.uid, set]));
  for (const [{ do: verb, type }, answer] of answers) {
    const { uid } = answer.metadata;
    if (type.kind !== 'ReplicaSet') continue;
    const isOwn = controllerOf(answer)?.uid === subject.metadata.uid;
    if (verb === 'create' || (verb === 'update' && isOwn)) known.set(uid, answer as ReplicaSet);
  }
  return sorted(subject, [...known.values()]);
}
