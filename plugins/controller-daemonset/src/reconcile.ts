/** What a daemon set needs: a pure function from what was observed to actions. */
import { act, claimActions, type Action, type ActionCause, type Reconciliation } from '@timonel/sdk/controller';
import { trimHistory } from '@timonel/sdk/controller/revisions';
import { daemonSets, pods, type DaemonSet } from '@timonel/sdk/kube';
import { assess, type Assessment, type Observed } from './assess.ts';
import { isRolling } from './bounds.ts';
import { hashLabel, newPod } from './daemon-pod.ts';
import { manageNode, type Deletion } from './manage.ts';
import { rollOut } from './roll-out.ts';

/** One pass makes and deletes at most so many pods; the next goes on. */
const burst = 250;

function create(set: DaemonSet, nodeName: string, hash: string, cause: ActionCause): Action {
  return act.create(pods, newPod(set, nodeName, hash), {
    cause,
    event: {
      reason: 'SuccessfulCreate',
      message: ({ metadata }) => `Created pod: ${metadata.name}`,
      failure: { reason: 'FailedCreate', message: 'Error creating: ' },
    },
  });
}

function remove({ pod, cause, told }: Deletion): Action[] {
  const deletion = act.delete(pods, pod, {
    cause,
    event: {
      reason: 'SuccessfulDelete',
      message: `Deleted pod: ${pod.metadata.name}`,
      failure: { reason: 'FailedDelete', message: 'Error deleting: ' },
    },
  });
  return told === undefined ? [deletion] : [act.event(daemonSets, told, cause), deletion];
}

function oldRevisions({ subject: set }: Observed, { revisionPlan, members }: Assessment): Action[] {
  const live = new Set(members.map(({ metadata }) => metadata.labels?.[hashLabel]));
  const { newest, revisions } = revisionPlan;
  const limit = set.spec.revisionHistoryLimit ?? 10;
  const isLive = ({ metadata }: (typeof revisions)[number]): boolean =>
    metadata.name === newest?.metadata.name || live.has(metadata.labels?.[hashLabel] ?? '');
  return trimHistory(revisions, limit, isLive);
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject: set, nowMs } = observed;
  if (set.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const seen = assess(observed);
  const actions = [...seen.revisionPlan.actions, ...claimActions(pods, seen.podClaims, set, daemonSets)];
  const { hash } = seen;
  // The name of the revision is taken: the status counts it, and then there is another name.
  if (hash === undefined) return { actions };
  const work = seen.places.map((place) => manageNode(observed, seen, place));
  const rolled = isRolling(set) ? rollOut(observed, seen, work) : { deletions: [], surges: [] };
  const stray = seen.stray.map((pod): Deletion => {
    return { pod, cause: { code: 'NodeGone', text: `the node of ${pod.metadata.name} is no more` } };
  });
  const deletions = [...stray, ...work.flatMap((one) => one.deletions), ...rolled.deletions];
  const missing = work.flatMap(({ place, create: cause }) => (cause === undefined ? [] : [{ place, cause }]));
  // Deletions first: they go on when creations are refused.
  actions.push(...deletions.slice(0, burst).flatMap(remove));
  for (const { place, cause } of [...missing, ...rolled.surges].slice(0, burst)) {
    actions.push(create(set, place.name, hash, cause));
  }
  actions.push(...oldRevisions(observed, seen));
  const times = work.flatMap(({ dueMs }) => dueMs ?? []);
  return { actions, requeueAfterMs: times.length === 0 ? undefined : Math.max(0, Math.min(...times) - nowMs) };
}
