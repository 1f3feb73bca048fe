import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { fill, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import type { Part } from '../validation/part.ts';
import { pathSegmentProblems } from '../validation/path-segment.ts';

const group = 'rbac.authorization.k8s.io';

function checkRule(rule: Part, namespaced: boolean): void {
  rule.requireItems('verbs', 'verbs must contain at least one value');
  if (rule.list('nonResourceURLs').length > 0) {
    if (namespaced) rule.invalid('nonResourceURLs', 'namespaced rules cannot apply to non-resource URLs');
    const mixed = ['apiGroups', 'resources', 'resourceNames'].some((name) => rule.list(name).length > 0);
    if (mixed) rule.invalid('nonResourceURLs', 'rules cannot apply to both regular resources and non-resource URLs');
    return;
  }
  rule.requireItems('apiGroups', 'resource rules must supply at least one api group');
  rule.requireItems('resources', 'resource rules must supply at least one resource');
}

/** Go writes a list without `omitempty` even when there is none. */
const showRules = (role: Json): void => fill(role, { rules: null });

export const roleKind: ResourceDefinition = describedKind({
  group,
  kind: 'Role',
  resource: 'roles',
  nameProblems: pathSegmentProblems,
  default: showRules,
  check: (role) => role.list('rules').forEach((rule) => checkRule(rule, true)),
});

export const clusterRoleKind: ResourceDefinition = describedKind({
  group,
  kind: 'ClusterRole',
  resource: 'clusterroles',
  namespaced: false,
  nameProblems: pathSegmentProblems,
  default: showRules,
  check(role) {
    for (const rule of role.list('rules')) checkRule(rule, false);
    const aggregation = role.at('aggregationRule');
    if (!aggregation.present) return;
    aggregation.requireItems(
      'clusterRoleSelectors',
      'at least one clusterRoleSelector required if aggregationRule is non-nil',
    );
    for (const selector of aggregation.list('clusterRoleSelectors'))
      for (const [key] of selector.at('matchLabels').entries())
        if (key === '') selector.invalid('matchLabels', 'a label needs a name');
  },
});
