/** How pods of a Job lose their finalizer, and how they go. */
import { act, type Action, type ActionCause } from '@timonel/sdk/controller';
import { pods as podType, type Pod } from '@timonel/sdk/kube';
import { isTracked, trackingFinalizer } from './job-pods.ts';

/** A pass deletes or creates at most so many pods; the next one goes on. */
export const burst = 500;

/** `fenced`: only as long as it is as it was seen, for it may have succeeded meanwhile. */
export function untrack(pod: Pod, cause: ActionCause, fenced: boolean = false): Action {
  const { uid } = pod.metadata;
  const body = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
  return act.patch(podType, pod, { type: 'strategic', body }, { cause, fenced, independent: true });
}

export function deletion(pod: Pod, cause: ActionCause): Action {
  return act.delete(podType, pod, {
    cause,
    independent: true,
    event: {
      reason: 'SuccessfulDelete',
      message: `Deleted pod: ${pod.metadata.name}`,
      failure: { reason: 'FailedDelete', message: 'Error deleting: ' },
    },
  });
}

/** Taken away without being counted: they lose the finalizer first. */
export function removals(surplus: readonly Pod[], cause: ActionCause): Action[] {
  const now = surplus.slice(0, burst);
  return [...now.filter(isTracked).map((pod) => untrack(pod, cause, true)), ...now.map((pod) => deletion(pod, cause))];
}
