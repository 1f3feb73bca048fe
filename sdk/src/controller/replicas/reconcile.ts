/** What brings the number of pods to `spec.replicas`. */
import { pods, type Pod } from '../../kube/index.ts';
import { podFromTemplate } from '../pod-state.ts';
import { act, claimActions, type Action, type ActionCause, type Reconciliation } from '../reconciler/index.ts';
import { deletionOrder } from './deletion-order.ts';
import {
  selectsItsTemplate,
  wantedReplicas,
  type ObservedReplicas,
  type ReplicasKind,
  type Replicated,
} from './observe.ts';

/** One pass creates or deletes at most so many pods; the next pass goes on. */
const burstReplicas = 500;

const nothing: Reconciliation = { actions: [] };

function creation<T extends Replicated>(kind: ReplicasKind<T>, subject: T, cause: ActionCause): Action {
  const naming = { generateName: `${subject.metadata.name}-` };
  return act.create(pods, podFromTemplate(subject.spec.template, subject, kind.type, naming), {
    cause,
    event: {
      reason: 'SuccessfulCreate',
      message: (pod) => `Created pod: ${pod.metadata.name}`,
      failure: { reason: 'FailedCreate', message: 'Error creating: ' },
    },
  });
}

function deletion(pod: Pod, cause: ActionCause): Action {
  return act.delete(pods, pod, {
    cause,
    event: {
      reason: 'SuccessfulDelete',
      message: `Deleted pod: ${pod.metadata.name}`,
      failure: { reason: 'FailedDelete', message: 'Error deleting: ' },
    },
  });
}

export function reconcileReplicas<T extends Replicated>(
  kind: ReplicasKind<T>,
  observed: ObservedReplicas<T>,
): Reconciliation {
  const { subject, claims, related, nowMs } = observed;
  if (subject.metadata.deletionTimestamp !== undefined) return nothing;
  const claiming = claimActions(pods, claims, subject, kind.type);
  const active = [...claims.owned, ...claims.adopt];
  const wanted = wantedReplicas(subject);
  const text = `${active.length} of ${wanted} replicas exist`;
  if (active.length < wanted) {
    if (!selectsItsTemplate(kind, subject)) return { actions: claiming };
    const count = Math.min(wanted - active.length, burstReplicas);
    const cause = { code: 'TooFewReplicas', text };
    return { actions: [...claiming, ...Array.from({ length: count }, () => creation(kind, subject, cause))] };
  }
  const surplus = Math.min(active.length - wanted, burstReplicas);
  const victims = surplus === 0 ? [] : deletionOrder(active, related, nowMs).slice(0, surplus);
  const cause = { code: 'TooManyReplicas', text };
  return { actions: [...claiming, ...victims.map((pod) => deletion(pod, cause))] };
}
