/** What there is of a stateful set: its pods by their places, its revisions. Pure. */
import {
  isPodReady,
  planClaims,
  podAvailableAtMs,
  type Claims as PodClaims,
  type Observation,
} from '@timonel/sdk/controller';
import {
  planRevision,
  templateOfRevision,
  type RevisionPlan,
  type RevisionsSeen,
} from '@timonel/sdk/controller/revisions';
import {
  controllerOf,
  fromLabelSelector,
  statefulSets,
  type Pod,
  type PodTemplateSpec,
  type StatefulSet,
} from '@timonel/sdk/kube';
import type { Claims } from './claims.ts';
import { ordinalName, ordinalsOf, podName, revisionOfPod, startOrdinal } from './identity.ts';

export interface Observed extends Observation<StatefulSet> {
  readonly subject: StatefulSet;
  /** Pods of its namespace that it controls, and all that have names of its pods. */
  readonly pods: readonly Pod[];
  readonly revisions: RevisionsSeen;
  readonly claims: Claims;
  /** When the pods of these uids, which failed, may be replaced. */
  readonly failedDueMs: ReadonlyMap<string, number>;
}

/** A place of the set. */
export interface Slot {
  readonly ordinal: number;
  readonly name: string;
  readonly pod: Pod | undefined;
  /** A pod of that name which is not the set's. */
  readonly stranger: Pod | undefined;
}

export interface CondemnedSlot extends Slot {
  readonly pod: Pod;
}

export interface Revision {
  readonly name: string;
  readonly template: PodTemplateSpec;
}

export interface Assessment {
  readonly revisionPlan: RevisionPlan;
  /** What pods are to become; undefined while its name is taken. */
  readonly update: Revision | undefined;
  /** What pods were before the present roll-out. */
  readonly current: Revision | undefined;
  readonly podClaims: PodClaims<Pod>;
  /** The set's, adopted ones included. */
  readonly members: readonly Pod[];
  /** By rising ordinal. */
  readonly replicas: readonly Slot[];
  /** Beyond the wanted ordinals, by falling ordinal. */
  readonly condemned: readonly CondemnedSlot[];
}

export const hashLabel = 'controller.kubernetes.io/hash';

export function isOrdered(set: StatefulSet): boolean {
  return set.spec.podManagementPolicy !== 'Parallel';
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
}

export function isReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod);
}

/** undefined: not ready. */
export function availableAtMs(set: StatefulSet, pod: Pod, nowMs: number): number | undefined {
  return isReady(pod) ? podAvailableAtMs(pod, set.spec.minReadySeconds ?? 0, nowMs) : undefined;
}

export function isAvailable(set: StatefulSet, pod: Pod, nowMs: number): boolean {
  const atMs = availableAtMs(set, pod, nowMs);
  return atMs !== undefined && atMs <= nowMs && !isTerminating(pod);
}

function claimedPods(set: StatefulSet, pods: readonly Pod[]): PodClaims<Pod> {
  const isMember = (pod: Pod): boolean => ordinalName(pod.metadata.name)?.parent === set.metadata.name;
  const claims = planClaims(set, fromLabelSelector(set.spec.selector), pods);
  const leaves = set.metadata.deletionTimestamp !== undefined;
  return {
    owned: claims.owned.filter(isMember),
    adopt: claims.adopt.filter(isMember),
    release: leaves ? [] : [...claims.release, ...claims.owned.filter((pod) => !isMember(pod))],
  };
}

function currentRevision(set: StatefulSet, { revisions, newest }: RevisionPlan): Revision | undefined {
  const named = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision);
  // One that is gone or makes no sense cannot be kept to.
  for (const revision of [named, newest]) {
    const template = revision === undefined ? undefined : templateOfRevision(revision);
    if (revision !== undefined && template !== undefined) return { name: revision.metadata.name ?? '', template };
  }
  return undefined;
}

export function assess({ subject: set, pods, revisions }: Observed): Assessment {
  const revisionPlan = planRevision(set, statefulSets, hashLabel, revisions);
  const podClaims = claimedPods(set, pods);
  const members = [...podClaims.owned, ...podClaims.adopt];
  const byName = new Map(members.map((pod) => [pod.metadata.name ?? '', pod]));
  const released = new Set(podClaims.release);
  const strangers = new Map(
    pods
      .filter((pod) => !byName.has(pod.metadata.name ?? '') && !released.has(pod))
      .map((pod) => [pod.metadata.name ?? '', pod]),
  );
  // A released pod keeps its name for as long as it lives.
  for (const pod of released) strangers.set(pod.metadata.name ?? '', pod);
  const start = startOrdinal(set);
  const count = set.spec.replicas ?? 1;
  const replicas = ordinalsOf(set, members).map((ordinal): Slot => {
    const name = podName(set, ordinal);
    return { ordinal, name, pod: byName.get(name), stranger: strangers.get(name) };
  });
  const condemned = members
    .map((pod) => ({ pod, ordinal: ordinalName(pod.metadata.name)?.ordinal ?? 0 }))
    .filter(({ ordinal }) => ordinal < start || ordinal >= start + count)
    .map(({ pod, ordinal }) => ({ ordinal, name: pod.metadata.name ?? '', pod, stranger: undefined }))
    .sort((a, b) => b.ordinal - a.ordinal);
  const { newest } = revisionPlan;
  const update = newest && { name: newest.metadata.name ?? '', template: set.spec.template };
  return { revisionPlan, update, current: currentRevision(set, revisionPlan), podClaims, members, replicas, condemned };
}

/** The lowest ordinal that a roll-out changes. */
export function partitionOf(set: StatefulSet): number {
  return startOrdinal(set) + (set.spec.updateStrategy?.rollingUpdate?.partition ?? 0);
}

export function isRolling(set: StatefulSet): boolean {
  return set.spec.updateStrategy?.type !== 'OnDelete';
}

/** The revision that a new pod of that ordinal gets. */
export function revisionFor(set: StatefulSet, { update, current }: Assessment, ordinal: number): Revision | undefined {
  if (!isRolling(set)) return update;
  const rolling = set.spec.updateStrategy?.rollingUpdate;
  const firstNew = rolling === undefined ? startOrdinal(set) + (set.status?.currentReplicas ?? 0) : partitionOf(set);
  return ordinal < firstNew ? current : update;
}

/** Neither of the present roll-out nor of what was before it: left over by a roll-out that was given up. */
export function isAbandoned(set: StatefulSet, { update, current }: Assessment, { pod, ordinal }: Slot): boolean {
  const revision = pod === undefined ? undefined : revisionOfPod(pod);
  const known = revision === update?.name || revision === current?.name;
  return revision !== undefined && !known && isRolling(set) && ordinal >= partitionOf(set);
}

/** Whose pod that is, for people. */
export function ownerText(pod: Pod): string {
  const owner = controllerOf(pod);
  return owner === undefined ? 'nobody' : `${owner.kind} ${owner.name}`;
}
