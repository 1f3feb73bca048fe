/** What an aggregated cluster role is to grant. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, jsonEqual, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { clusterRoles, fromLabelSelector, matchesSelector, type ClusterRole, type PolicyRule } from '@timonel/sdk/kube';

export interface Observed extends Observation<ClusterRole> {
  readonly all: readonly ClusterRole[];
}

export function isAggregating({ aggregationRule }: ClusterRole): boolean {
  return (aggregationRule?.clusterRoleSelectors ?? []).length > 0;
}

const byName = (left: ClusterRole, right: ClusterRole): number =>
  (left.metadata.name ?? '') < (right.metadata.name ?? '') ? -1 : 1;

/** Of the selectors in turn, roles by name, each rule once. */
function aggregatedRules(subject: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  const sorted = all.filter(({ metadata }) => metadata.name !== subject.metadata.name).toSorted(byName);
  for (const labelSelector of subject.aggregationRule?.clusterRoleSelectors ?? []) {
    const selector = fromLabelSelector(labelSelector);
    for (const role of sorted) {
      if (!matchesSelector(selector, role.metadata.labels)) continue;
      for (const rule of role.rules ?? []) rules.set(JSON.stringify(rule), rule);
    }
  }
  return [...rules.values()];
}

export function reconcile({ subject, all }: Observed): Reconciliation {
  if (subject === undefined || !isAggregating(subject)) return { actions: [] };
  const rules = aggregatedRules(subject, all);
  if (jsonEqual(rules, subject.rules ?? [])) return { actions: [] };
  const cause = { code: 'RulesDiffer', text: 'the rules are not those of the cluster roles that it selects' };
  return { actions: [act.update(clusterRoles, subject, { ...subject, rules }, { cause })] };
}

export function explain(observed: Observed): readonly Cause[] {
  return reconcile(observed).actions.map(({ cause }) => ({ component: 'controller-roleaggregation', ...cause }));
}
