/** What a ReplicaSet needs. The rules are those of all kinds that keep a number of pods: see `@timonel/sdk/controller/replicas`. */
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
import { fromLabelSelector, matchesSelector, replicaSets, type Labels, type ReplicaSet } from '@timonel/sdk/kube';

export type Observed = ObservedReplicas<ReplicaSet>;

const kind: ReplicasKind<ReplicaSet> = {
  type: replicaSets,
  selectorOf: ({ spec }) => fromLabelSelector(spec.selector),
  countsTerminating: true,
};

export const selects = (set: ReplicaSet, labels: Labels): boolean => matchesSelector(kind.selectorOf(set), labels);

export function observe(set: ReplicaSet, now: { nowMs: number; timestamp: string }, view: ReplicasView): Observed {
  return observeReplicas(kind, set, view, now);
}

export const reconcile = (observed: Observed): Reconciliation => reconcileReplicas(kind, observed);

export const status = (observed: Observed, outcome: Outcome): StatusPlan<ReplicaSet> =>
  replicasStatus(kind, observed, outcome);

export const explain = (observed: Observed): readonly Cause[] => explainReplicas('controller-replicaset', observed);
