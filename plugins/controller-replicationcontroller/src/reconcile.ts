/** What a ReplicationController needs. The rules are those of all kinds that keep a number of pods: see `@timonel/sdk/controller/replicas`. */
import type { Cause } from '@timonel/sdk/contracts/why';
import type { Outcome, Reconciliation, StatusPlan } from '@timonel/sdk/controller';
import {
  explainReplicas,
  observeReplicas,
  reconcileReplicas,
  replicasStatus,
  type ObservedReplicas,
  type ReplicasKind,
  type ReplicasView,
} from '@timonel/sdk/controller/replicas';
import {
  fromLabelSelector,
  matchesSelector,
  replicationControllers,
  type Labels,
  type ReplicationController,
} from '@timonel/sdk/kube';

export type Observed = ObservedReplicas<ReplicationController>;

const kind: ReplicasKind<ReplicationController> = {
  type: replicationControllers,
  selectorOf: ({ spec }) => fromLabelSelector({ matchLabels: spec.selector ?? {} }),
  countsTerminating: false,
};

export const selects = (owner: ReplicationController, labels: Labels): boolean =>
  matchesSelector(kind.selectorOf(owner), labels);

export function observe(
  subject: ReplicationController,
  now: { nowMs: number; timestamp: string },
  view: ReplicasView,
): Observed {
  return observeReplicas(kind, subject, view, now);
}

export const reconcile = (observed: Observed): Reconciliation => reconcileReplicas(kind, observed);

export const status = (observed: Observed, outcome: Outcome): StatusPlan<ReplicationController> =>
  replicasStatus(kind, observed, outcome);

export const explain = (observed: Observed): readonly Cause[] =>
  explainReplicas('controller-replicationcontroller', observed);
