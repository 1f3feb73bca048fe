/** Rules in the form of SelfSubjectRulesReview. */
import type { AccessRules, PathAccessRule, ResourceAccessRule } from '@timonel/sdk/contracts/api-server';
import type { PolicyRule } from '@timonel/sdk/kube';

export function rulesShown(rules: readonly PolicyRule[]): AccessRules {
  const resourceRules: ResourceAccessRule[] = [];
  const nonResourceRules: PathAccessRule[] = [];
  for (const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } of rules) {
    if (resources.length > 0)
      resourceRules.push({ verbs, apiGroups, resources, ...(resourceNames.length === 0 ? {} : { resourceNames }) });
    if (nonResourceURLs.length > 0) nonResourceRules.push({ verbs, nonResourceURLs });
  }
  return { resourceRules, nonResourceRules, incomplete: false };
}
