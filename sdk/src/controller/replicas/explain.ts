/** What keeps the number of available pods from being the declared one. */
import type { Cause } from '../../contracts/why/index.ts';
import { podWaitCauses, readyForTooShort } from '../pod-waits.ts';
import { findCondition } from '../status.ts';
import { wantedReplicas, type ObservedReplicas, type Replicated } from './observe.ts';

/** `component`: the plugin's name. */
export function explainReplicas<T extends Replicated>(
  component: string,
  { subject, claims, nowMs }: ObservedReplicas<T>,
): Cause[] {
  if (subject.metadata.deletionTimestamp !== undefined) {
    return [{ component, code: 'Deleting', text: 'it is being deleted: nothing is created or removed any more' }];
  }
  const causes: Cause[] = [];
  const wanted = wantedReplicas(subject);
  const count = claims.owned.length + claims.adopt.length;
  const failure = findCondition(subject.status?.conditions, 'ReplicaFailure');
  if (count !== wanted) {
    const text = `${count} of ${wanted} replicas exist`;
    if (failure === undefined)
      causes.push({ component, code: count < wanted ? 'TooFewReplicas' : 'TooManyReplicas', text });
    else causes.push({ component, code: failure.reason ?? failure.type, text: `${text}: ${failure.message ?? ''}` });
  }
  causes.push(...podWaitCauses(component, claims.owned));
  causes.push(...readyForTooShort(component, claims.owned, subject.spec.minReadySeconds ?? 0, nowMs));
  return causes;
}
