/** Replaces pods of older templates within maxUnavailable or maxSurge. */
import type { ActionCause } from '@timonel/sdk/controller';
import type { Pod } from '@timonel/sdk/kube';
import { hasEnded, isAvailable, isTerminating, type Assessment, type Observed, type Place } from './assess.ts';
import { boundsOf } from './bounds.ts';
import type { Deletion, NodeWork } from './manage.ts';

export interface RollOut {
  readonly deletions: readonly Deletion[];
  /** Nodes that get a pod of the newest template beside their old one. */
  readonly surges: readonly { readonly place: Place; readonly cause: ActionCause }[];
}

interface NodeState {
  readonly place: Place;
  readonly old: Pod | undefined;
  readonly fresh: Pod | undefined;
  /** It is being made right anyway: it counts as unavailable, and nothing more is done to it. */
  readonly busy: boolean;
}

function stateOf({ place, create, deletions }: NodeWork, isUpToDate: (pod: Pod) => boolean): NodeState {
  const living = place.pods.filter((pod) => !isTerminating(pod));
  const old = living.filter((pod) => !isUpToDate(pod));
  // One that has ended is there until its time has come: no other is made beside it.
  const fresh = living.filter(isUpToDate);
  const busy = create !== undefined || deletions.length > 0 || old.length > 1 || fresh.length > 1;
  return { place, old: old[0], fresh: fresh[0], busy };
}

const outdated = (pod: Pod, place: Place): ActionCause => ({
  code: 'TemplateOutdated',
  text: `${pod.metadata.name} on ${place.name} is of an older template`,
});

function replace(observed: Observed, states: readonly NodeState[], maxUnavailable: number): RollOut {
  const { subject: set, nowMs } = observed;
  let unavailable = 0;
  const deletions: Deletion[] = [];
  const candidates: Deletion[] = [];
  for (const { place, old, fresh, busy } of states) {
    const only = old === undefined || fresh === undefined ? (old ?? fresh) : undefined;
    const serves = !busy && only !== undefined && isAvailable(set, only, nowMs);
    if (!serves) unavailable += 1;
    if (busy || old === undefined || only !== old) continue;
    // One that does not serve anyway is missed by nobody.
    (serves ? candidates : deletions).push({ pod: old, cause: outdated(old, place) });
  }
  const more = Math.max(0, maxUnavailable - unavailable);
  return { deletions: [...deletions, ...candidates.slice(0, more)], surges: [] };
}

function surge(observed: Observed, states: readonly NodeState[], maxSurge: number): RollOut {
  const { subject: set, nowMs } = observed;
  let surging = 0;
  const deletions: Deletion[] = [];
  const allowed: Place[] = [];
  const candidates: Place[] = [];
  for (const { place, old, fresh, busy } of states) {
    if (busy || (old !== undefined && fresh !== undefined)) {
      surging += 1;
    } else if (old !== undefined && hasEnded(old)) {
      deletions.push({ pod: old, cause: outdated(old, place) });
    } else if (old !== undefined && place.shouldRun) {
      (isAvailable(set, old, nowMs) ? candidates : allowed).push(place);
    }
  }
  const more = Math.max(0, maxSurge - surging);
  const cause = (place: Place): ActionCause => ({
    code: 'TemplateOutdated',
    text: `node ${place.name} has a pod of an older template`,
  });
  const surges = [...allowed, ...candidates.slice(0, more)].map((place) => ({ place, cause: cause(place) }));
  return { deletions, surges };
}

export function rollOut(observed: Observed, { desired, isUpToDate }: Assessment, work: readonly NodeWork[]): RollOut {
  const { maxSurge, maxUnavailable } = boundsOf(observed.subject, desired);
  const states = work
    .filter(({ place }) => place.shouldRun || (place.mayStay && place.pods.length > 0))
    .map((one) => stateOf(one, isUpToDate));
  return maxSurge > 0 ? surge(observed, states, maxSurge) : replace(observed, states, maxUnavailable);
}
