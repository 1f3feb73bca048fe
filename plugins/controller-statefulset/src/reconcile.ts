/** What a stateful set needs, one step at a time: a pure function from what was observed to actions. */
import { act, claimActions, type Action, type Reconciliation } from '@timonel/sdk/controller';
import { trimHistory } from '@timonel/sdk/controller/revisions';
import { pods, statefulSets, type Pod } from '@timonel/sdk/kube';
import {
  assess,
  hasEnded,
  isAbandoned,
  isAvailable,
  isOrdered,
  isTerminating,
  type Assessment,
  type Observed,
  type Slot,
} from './assess.ts';
import { createClaims, leavingClaim, retainClaims } from './claims.ts';
import { revisionOfPod, withIdentity } from './identity.ts';
import { createPod, deletePod, nameTaken } from './pod-actions.ts';
import { rollOut } from './roll-out.ts';
import { scaleDown } from './scale-down.ts';

/** What came of looking at one place. */
interface Step {
  readonly actions: readonly Action[];
  /** The place is not as it should be yet: those behind it wait when pods are made in order. */
  readonly waits: boolean;
  readonly dueMs?: number;
}

const waiting: Step = { actions: [], waits: true };

function replaceEnded(observed: Observed, pod: Pod): Step {
  const { subject: set, nowMs, failedDueMs } = observed;
  if (isTerminating(pod)) return waiting;
  const dueMs = failedDueMs.get(pod.metadata.uid ?? '') ?? nowMs;
  if (dueMs > nowMs) return { ...waiting, dueMs };
  const isFailed = pod.status?.phase === 'Failed';
  const word = isFailed ? 'failed' : 'terminated';
  const cause = { code: isFailed ? 'PodFailed' : 'PodSucceeded', text: `${pod.metadata.name} has ${word}` };
  const { namespace, name } = set.metadata;
  const told = act.event(
    statefulSets,
    {
      reason: isFailed ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod',
      kind: isFailed ? 'Warning' : 'Normal',
      message: `StatefulSet ${namespace}/${name} is recreating ${word} Pod ${pod.metadata.name}`,
    },
    cause,
  );
  return { actions: [told, deletePod(set, pod, cause)], waits: true };
}

function keepIdentity(observed: Observed, seen: Assessment, { ordinal, name }: Slot, pod: Pod): Action[] {
  const { subject: set, claims } = observed;
  const named = seen.podClaims.adopt.includes(pod) ? undefined : withIdentity(set, ordinal, pod);
  const labelled =
    named === undefined
      ? []
      : [act.update(pods, pod, named, { cause: { code: 'IdentityLost', text: `${name} lacks labels of its place` } })];
  return [...labelled, ...retainClaims(set, ordinal, pod, claims, false)];
}

function lookAt(observed: Observed, seen: Assessment, slot: Slot): Step {
  const { subject: set, claims, nowMs } = observed;
  const { pod, ordinal } = slot;
  if (pod === undefined) {
    if (slot.stranger !== undefined) {
      const leaves = isTerminating(slot.stranger);
      return { actions: leaves ? [] : [nameTaken(slot, set)], waits: true };
    }
    if (leavingClaim(set, ordinal, undefined, claims) !== undefined) return waiting;
    return { actions: createPod(observed, seen, slot), waits: true };
  }
  if (hasEnded(pod)) return replaceEnded(observed, pod);
  if (isTerminating(pod)) return waiting;
  const missing = pod.status?.phase === 'Pending' ? createClaims(set, ordinal, claims) : [];
  const kept = keepIdentity(observed, seen, slot, pod);
  if (isAvailable(set, pod, nowMs)) return { actions: kept, waits: false };
  if (isOrdered(set) && isAbandoned(set, seen, slot)) {
    const text = `${slot.name} is of revision ${revisionOfPod(pod)}, which was given up, and is not ready`;
    return { actions: [deletePod(set, pod, { code: 'RevisionAbandoned', text })], waits: true };
  }
  return { actions: [...missing, ...kept], waits: true };
}

const isPodCreation = (action: Action): boolean => action.do === 'create' && action.type === pods;

/**
 * What is refused ends a pass. So what makes room comes first, then pods whose claims are there, then claims and their pods: a claim that
 * cannot be made holds back its own pod only.
 */
function inParallel(steps: readonly Step[], others: readonly Action[]): Action[] {
  const all = [...steps.flatMap(({ actions }) => actions), ...others];
  const alone = new Set(steps.flatMap(({ actions }) => (actions.length === 1 ? actions : [])));
  const rank = (action: Action): number => {
    if (action.do !== 'create') return 0;
    if (isPodCreation(action)) return alone.has(action) ? 1 : 3;
    return 2;
  };
  return all.sort((a, b) => rank(a) - rank(b));
}

interface PodWork {
  readonly actions: readonly Action[];
  /** When an ended pod may be replaced. */
  readonly dueMs?: number;
}

/** One pass makes at most so many pods. */
const burst = 500;

/** One place after the other, then the surplus, then older revisions: each waits for what comes before it. */
function workInOrder(observed: Observed, seen: Assessment): PodWork {
  const actions: Action[] = [];
  for (const slot of seen.replicas) {
    const { actions: ofSlot, waits, ...due } = lookAt(observed, seen, slot);
    actions.push(...ofSlot);
    if (waits) return { actions, ...due };
  }
  const shrunk = scaleDown(observed, seen);
  actions.push(...shrunk.actions);
  return { actions: shrunk.goOn ? [...actions, ...rollOut(observed, seen)] : actions };
}

function workInParallel(observed: Observed, seen: Assessment): PodWork {
  const steps = seen.replicas.map((slot) => lookAt(observed, seen, slot));
  const times = steps.flatMap(({ dueMs }) => dueMs ?? []);
  const busy = steps.filter(({ actions }) => actions.length > 0).slice(0, burst);
  const actions = inParallel(busy, scaleDown(observed, seen).actions);
  return {
    actions: [...actions, ...rollOut(observed, seen)],
    ...(times.length === 0 ? {} : { dueMs: Math.min(...times) }),
  };
}

function oldRevisions({ subject: set }: Observed, { revisionPlan, members, update, current }: Assessment): Action[] {
  const live = new Set([update?.name, current?.name, ...members.map(revisionOfPod)]);
  const limit = set.spec.revisionHistoryLimit ?? 10;
  return trimHistory(revisionPlan.revisions, limit, ({ metadata }) => live.has(metadata.name));
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject: set, nowMs } = observed;
  if (set.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const seen = assess(observed);
  const claimed = claimActions(pods, seen.podClaims, set, statefulSets);
  const actions = [...seen.revisionPlan.actions, ...claimed];
  // The name of the revision is taken: the status counts it, and then there is another name.
  if (seen.update === undefined) return { actions };
  const { actions: ofPods, dueMs } = isOrdered(set) ? workInOrder(observed, seen) : workInParallel(observed, seen);
  actions.push(...ofPods, ...oldRevisions(observed, seen));
  return { actions, requeueAfterMs: dueMs === undefined ? undefined : Math.max(0, dueMs - nowMs) };
}
