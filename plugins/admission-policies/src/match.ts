/** Which requests a policy or a binding is about. */
import { isExempt, nameInRules, namespaceSelected, objectSelected, type NamespaceLabels } from '@timonel/sdk/admission';
import type { AdmissionContext, AdmissionObject, ServedName } from '@timonel/sdk/contracts/api-server';
import type { MatchResources } from '@timonel/sdk/kube';

/** Nobody may look into, or answer, who somebody is and what they may do. */
const reviewGroups: ReadonlySet<string> = new Set(['authentication.k8s.io', 'authorization.k8s.io']);
const isReview = ({ group, resource }: AdmissionContext): boolean =>
  reviewGroups.has(group) && resource.endsWith('reviews');

/** The name by which the rules mean a request. Without rules: that of every request. */
export function nameInMatch(match: MatchResources | undefined, context: AdmissionContext): ServedName | undefined {
  const { resourceRules = [], excludeResourceRules = [], matchPolicy } = match ?? {};
  if (isExempt(context) || isReview(context)) return undefined;
  if (nameInRules(excludeResourceRules, context, matchPolicy) !== undefined) return undefined;
  if (resourceRules.length === 0) return context.asked ?? context;
  return nameInRules(resourceRules, context, matchPolicy);
}

export async function isSelected(
  match: MatchResources | undefined,
  object: AdmissionObject,
  context: AdmissionContext,
  labelsOf: NamespaceLabels,
): Promise<boolean> {
  if (nameInMatch(match, context) === undefined || !objectSelected(match?.objectSelector, object, context))
    return false;
  return namespaceSelected(match?.namespaceSelector, object, context, labelsOf);
}
