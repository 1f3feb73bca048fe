/** What there is of a daemon set, node by node. Pure. */
import { jsonEqual, planClaims, podAvailableAtMs, type Claims, type Observation } from '@timonel/sdk/controller';
import { planRevision, revisionHash, type RevisionPlan, type RevisionsSeen } from '@timonel/sdk/controller/revisions';
import { daemonSets, fromLabelSelector, type DaemonSet, type Node, type Pod, type Taint } from '@timonel/sdk/kube';
import { nodeFit } from '@timonel/sdk/scheduling';
import { hashLabel, targetNode, tolerationsOf } from './daemon-pod.ts';

export interface Observed extends Observation<DaemonSet> {
  readonly subject: DaemonSet;
  readonly nodes: readonly Node[];
  /** Pods of its namespace that it controls or that nobody controls. */
  readonly pods: readonly Pod[];
  readonly revisions: RevisionsSeen;
  /** When the pods of these uids, which ended, may be replaced. */
  readonly endedDueMs: ReadonlyMap<string, number>;
}

export interface Place {
  readonly name: string;
  /** A pod is to be made there. */
  readonly shouldRun: boolean;
  /** A pod that is there may stay. */
  readonly mayStay: boolean;
  /** Those being deleted included, the longest-serving first. */
  readonly pods: readonly Pod[];
  /** Why not, when it should not run. */
  readonly refusal?: { readonly taints: readonly Taint[] };
}

export interface Assessment {
  readonly revisionPlan: RevisionPlan;
  /** Undefined while the name of the revision is taken. */
  readonly hash: string | undefined;
  readonly podClaims: Claims<Pod>;
  readonly members: readonly Pod[];
  /** One for each node. */
  readonly places: readonly Place[];
  /** Pods for nodes that are no more, on which they never were. */
  readonly stray: readonly Pod[];
  /** How many nodes should run a pod. */
  readonly desired: number;
  readonly isUpToDate: (pod: Pod) => boolean;
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
}

export function availableAtMs(set: DaemonSet, pod: Pod, nowMs: number): number | undefined {
  return hasEnded(pod) ? undefined : podAvailableAtMs(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

export function isAvailable(set: DaemonSet, pod: Pod, nowMs: number): boolean {
  const atMs = availableAtMs(set, pod, nowMs);
  return atMs !== undefined && atMs <= nowMs;
}

/** Assigned ones first, then by age, then by name: the first of a node is the one to keep. */
export function longestServingFirst(pods: readonly Pod[]): Pod[] {
  const rank = ({ metadata, spec }: Pod): string =>
    `${spec.nodeName ? 0 : 1} ${metadata.creationTimestamp ?? '9'} ${metadata.name ?? ''}`;
  return [...pods].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

function podsByNode(members: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of members) {
    // One that has ended and is being deleted keeps nothing from being made.
    if (hasEnded(pod) && isTerminating(pod)) continue;
    const node = targetNode(pod);
    if (node === undefined) continue;
    const there = byNode.get(node);
    if (there === undefined) byNode.set(node, [pod]);
    else there.push(pod);
  }
  return byNode;
}

function placesOf({ subject: set, nodes }: Observed, byNode: ReadonlyMap<string, readonly Pod[]>): Place[] {
  const { spec } = set.spec.template;
  const fit = nodeFit({ ...spec, tolerations: tolerationsOf(spec) });
  return nodes.map((node): Place => {
    const { name = '' } = node.metadata;
    const there = byNode.get(name) ?? [];
    const pods = there.length < 2 ? there : longestServingFirst(there);
    if (!fit.matches(node)) return { name, shouldRun: false, mayStay: false, pods };
    const taints = fit.untolerated(node);
    if (taints.length === 0) return { name, shouldRun: true, mayStay: true, pods };
    const mayStay = taints.every(({ effect }) => effect !== 'NoExecute');
    return { name, shouldRun: false, mayStay, pods, refusal: { taints } };
  });
}

const assessed = new WeakMap<readonly Pod[], { readonly of: Observed; readonly seen: Assessment }>();

/** Reconcile and status of one pass look at the same: with thousands of nodes it is looked at once. */
export function assess(observed: Observed): Assessment {
  const last = assessed.get(observed.pods);
  if (
    last?.of.subject === observed.subject &&
    last.of.nodes === observed.nodes &&
    last.of.revisions === observed.revisions
  )
    return last.seen;
  const seen = assessAnew(observed);
  assessed.set(observed.pods, { of: observed, seen });
  return seen;
}

function assessAnew(observed: Observed): Assessment {
  const { subject: set, pods, revisions } = observed;
  const revisionPlan = planRevision(set, daemonSets, hashLabel, revisions);
  const { newest } = revisionPlan;
  const podClaims = planClaims(set, fromLabelSelector(set.spec.selector), pods);
  const members = [...podClaims.owned, ...podClaims.adopt];
  const byNode = podsByNode(members);
  const places = placesOf(observed, byNode);
  const known = new Set(places.map(({ name }) => name));
  const stray = members.filter((pod) => {
    const node = targetNode(pod);
    return !pod.spec.nodeName && node !== undefined && !known.has(node) && !isTerminating(pod);
  });
  const hashOf = (labels: Readonly<Record<string, string>> | undefined): string | undefined => labels?.[hashLabel];
  // Somebody may have taken the label from the revision.
  const hash =
    newest && (hashOf(newest.metadata.labels) ?? revisionHash(set.spec.template, set.status?.collisionCount ?? 0));
  const equal = revisionPlan.revisions
    .filter(({ data }) => jsonEqual(data, newest?.data))
    .map(({ metadata }) => hashOf(metadata.labels));
  const current = new Set([...equal, hash]);
  return {
    revisionPlan,
    hash,
    podClaims,
    members,
    places,
    stray,
    desired: places.filter(({ shouldRun }) => shouldRun).length,
    isUpToDate: (pod) => {
      const ofPod = hashOf(pod.metadata.labels);
      return ofPod !== undefined && current.has(ofPod);
    },
  };
}
