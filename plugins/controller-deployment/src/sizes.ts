/** How many replicas each replica set should have: rolling update, recreation, scaling. Pure arithmetic over the sets. */
import type { Deployment, ReplicaSet } from '@timonel/sdk/kube';
import { boundsOf, isRecreate } from './bounds.ts';
import { desiredAnnotation, maxAnnotation, oldestFirst, sizeAnnotations, specReplicas } from './revisions.ts';

/** A replica set and the number of replicas it should get. */
export interface Resize {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const totalReplicas = (sets: readonly ReplicaSet[]): number => sum(sets.map(specReplicas));
export const isScaledUp = (set: ReplicaSet): boolean => specReplicas(set) > 0;

/** Its status is of its present size. If not, it tells nothing: pods may have come and gone since. */
const isObserved = ({ metadata, status }: ReplicaSet): boolean =>
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);

/**
 * Pods of the set that stay available whatever its controller has still to delete: that deletes unavailable pods first. Its status
 * counts them before it does so.
 */
function available(set: ReplicaSet): number {
  return isObserved(set) ? Math.min(specReplicas(set), set.status?.availableReplicas ?? 0) : 0;
}

/** Pods of the set that its controller may remove without a loss; unknown counts as none. */
const unavailable = (set: ReplicaSet): number => (isObserved(set) ? specReplicas(set) - available(set) : 0);

/** Pods that there are or may be made at any time. */
function possible(set: ReplicaSet): number {
  return isObserved(set) ? Math.max(specReplicas(set), set.status?.replicas ?? 0) : Number.POSITIVE_INFINITY;
}

/** Its controller has nothing left of it, not even pods that are being deleted. */
export function isGone(set: ReplicaSet): boolean {
  return isObserved(set) && (set.status?.replicas ?? 0) + (set.status?.terminatingReplicas ?? 0) === 0;
}

/** The size of the new set that the surge allows. */
export function newSetSize(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): number {
  const { replicas, maxSurge } = boundsOf(deployment);
  const present = newSet === undefined ? 0 : specReplicas(newSet);
  if (isRecreate(deployment) || present >= replicas) return replicas;
  const room = replicas + maxSurge - sum([...(newSet === undefined ? [] : [newSet]), ...oldSets].map(possible));
  return present + Math.max(0, Math.min(room, replicas - present));
}

/** Which old sets may shrink now, so that enough pods stay available: unavailable pods first, then the oldest sets. */
export function shrinkOldSets(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Resize[] {
  const { replicas, maxUnavailable } = boundsOf(deployment);
  const minAvailable = replicas - maxUnavailable;
  const newUnavailable = specReplicas(newSet) - available(newSet);
  const sets = oldestFirst(oldSets.filter(isScaledUp));
  const sizes = new Map(sets.map((set) => [set, specReplicas(set)]));
  let spare = totalReplicas(sets) + specReplicas(newSet) - minAvailable - newUnavailable;
  const take = (set: ReplicaSet, atMost: number): number => {
    const size = sizes.get(set) ?? 0;
    const taken = Math.max(0, Math.min(size, spare, atMost));
    sizes.set(set, size - taken);
    spare -= taken;
    return taken;
  };
  for (const set of sets) take(set, unavailable(set));
  let surplus =
    sum(sets.map((set) => Math.min(sizes.get(set) ?? 0, available(set)))) + available(newSet) - minAvailable;
  for (const set of sets) surplus -= take(set, surplus);
  return resizes(sizes);
}

function resizes(sizes: ReadonlyMap<ReplicaSet, number>): Resize[] {
  return [...sizes].filter(([set, size]) => size !== specReplicas(set)).map(([set, replicas]) => ({ set, replicas }));
}

/** Whether `spec.replicas` changed since the active sets got their sizes. */
export function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  const wanted = String(boundsOf(deployment).replicas);
  return sets.filter(isScaledUp).some((set) => (set.metadata.annotations?.[desiredAnnotation] ?? wanted) !== wanted);
}

/** What the present sizes add up to was meant for: the sets' share of it is their share of the change. */
function fairShare(set: ReplicaSet, deployment: Deployment, allowedSize: number): number {
  const size = specReplicas(set);
  if (allowedSize === 0) return -size;
  const said = Number(set.metadata.annotations?.[maxAnnotation] ?? 0);
  const before = said > 0 ? said : (deployment.status?.replicas ?? 0);
  return before === 0 ? 0 : Math.round((size * allowedSize) / before) - size;
}

/** Spreads a change of `spec.replicas` in mid-roll-out over all active sets in proportion to their sizes. */
function scaleProportionally(deployment: Deployment, active: readonly ReplicaSet[]): Resize[] {
  const { replicas, maxSurge } = boundsOf(deployment);
  const allowedSize = replicas === 0 ? 0 : replicas + maxSurge;
  const change = allowedSize - totalReplicas(active);
  const byAge = change > 0 ? oldestFirst(active).reverse() : oldestFirst(active);
  const ordered = byAge.sort((a, b) => specReplicas(b) - specReplicas(a));
  let left = change;
  const sizes = new Map<ReplicaSet, number>();
  for (const set of ordered) {
    const share = left === 0 ? 0 : fairShare(set, deployment, allowedSize);
    const part = change > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
    sizes.set(set, specReplicas(set) + part);
    left -= part;
  }
  // What rounding left over goes to the largest.
  for (const set of ordered) {
    const size = sizes.get(set) ?? 0;
    const next = Math.max(0, size + left);
    sizes.set(set, next);
    left -= next - size;
  }
  // More of one template than are declared would only go again, and a very large surge is no number of replicas.
  const mostOf = (set: ReplicaSet): number => Math.max(replicas, specReplicas(set));
  return ordered.map((set) => ({ set, replicas: Math.min(sizes.get(set) ?? 0, mostOf(set)) }));
}

/** Sizes after `spec.replicas` changed, or while the deployment is paused. The answer may hold sets that keep their size. */
export function scale(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): Resize[] {
  const { replicas } = boundsOf(deployment);
  const all = newSet === undefined ? [...oldSets] : [newSet, ...oldSets];
  const active = all.filter(isScaledUp);
  if (active.length <= 1) {
    const only = active[0] ?? newSet ?? oldestFirst(oldSets).at(-1);
    return only === undefined ? [] : [{ set: only, replicas }];
  }
  const saturated =
    newSet !== undefined &&
    specReplicas(newSet) === replicas &&
    available(newSet) === replicas &&
    newSet.metadata.annotations?.[desiredAnnotation] === String(replicas);
  if (saturated) return oldSets.filter(isScaledUp).map((set) => ({ set, replicas: 0 }));
  return isRecreate(deployment) ? [] : scaleProportionally(deployment, active);
}

/** Whether the set has other size annotations than the deployment calls for. */
export function sizeAnnotationsOutdated(deployment: Deployment, set: ReplicaSet): boolean {
  return Object.entries(sizeAnnotations(deployment)).some(([key, value]) => set.metadata.annotations?.[key] !== value);
}
