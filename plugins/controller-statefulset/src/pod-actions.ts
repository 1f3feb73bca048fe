/** Actions on pods, with the events that Kubernetes records for them. */
import { act, type Action } from '@timonel/sdk/controller';
import { pods, statefulSets, type Pod, type StatefulSet } from '@timonel/sdk/kube';
import { ownerText, revisionFor, type Assessment, type Observed, type Slot } from './assess.ts';
import { createClaims } from './claims.ts';
import { newPod } from './identity.ts';

export function deletePod(set: StatefulSet, pod: Pod, cause: Action['cause']): Action {
  const what = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  return act.delete(pods, pod, {
    cause,
    event: {
      reason: 'SuccessfulDelete',
      message: `delete ${what} successful`,
      failure: { reason: 'FailedDelete', message: `delete ${what} failed error: ` },
    },
  });
}

/** The pod of a place, after its claims. */
export function createPod(observed: Observed, seen: Assessment, slot: Slot): Action[] {
  const { subject: set } = observed;
  const revision = revisionFor(set, seen, slot.ordinal);
  if (revision === undefined) return [];
  const what = `Pod ${slot.name} in StatefulSet ${set.metadata.name}`;
  const create = act.create(pods, newPod(set, slot.ordinal, revision.template, revision.name), {
    cause: { code: 'PodMissing', text: `there is no pod ${slot.name}` },
    ifExists: 'report',
    event: {
      reason: 'SuccessfulCreate',
      message: `create ${what} successful`,
      failure: { reason: 'FailedCreate', message: `create ${what} failed error: ` },
    },
  });
  return [...createClaims(set, slot.ordinal, observed.claims), create];
}

export function nameTaken({ name, stranger }: Slot, set: StatefulSet): Action {
  const owner = stranger === undefined ? '' : `, which ${ownerText(stranger)} controls`;
  const text = `pod ${name}${owner}, has a name of StatefulSet ${set.metadata.name}`;
  return act.event(
    statefulSets,
    { reason: 'FailedCreate', kind: 'Warning', message: `${text}: delete it, or give it the labels of the selector` },
    { code: 'NameTaken', text },
  );
}
