/** Which requests webhooks and policies are asked about. */
import type { AdmissionContext, AdmissionObject, ServedName } from '../contracts/api-server/index.ts';
import {
  fromLabelSelector,
  matchesSelector,
  type AdmissionRule,
  type KubeObject,
  type LabelSelector,
} from '../kube/index.ts';

const configuring: ReadonlySet<string> = new Set([
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
]);

/** What says who is asked cannot be kept from being changed by those who are asked. */
export function isExempt({ group, resource }: Pick<AdmissionContext, 'group' | 'resource'>): boolean {
  return group === 'admissionregistration.k8s.io' && configuring.has(resource);
}

type Named = Pick<AdmissionContext, 'group' | 'version' | 'resource'>;

const holds = (values: readonly string[] | undefined, value: string): boolean =>
  values !== undefined && (values.includes('*') || values.includes(value));

function namesResource(pattern: string, resource: string, subresource: string): boolean {
  const [wanted = '', part = ''] = pattern.split('/');
  return (wanted === '*' || wanted === resource) && (part === '*' || part === subresource);
}

function names(rule: AdmissionRule, { group, version, resource }: Named, subresource: string): boolean {
  return (
    holds(rule.apiGroups, group) &&
    holds(rule.apiVersions, version) &&
    (rule.resources ?? []).some((pattern) => namesResource(pattern, resource, subresource))
  );
}

/** Whether a rule means such requests, whatever it calls the resource. */
function meansRequest(
  { operations, scope = '*', resourceNames = [] }: AdmissionRule,
  context: AdmissionContext,
): boolean {
  const { operation, group, resource, namespace, name } = context;
  const inNamespace = namespace !== undefined && namespace !== '' && !(group === '' && resource === 'namespaces');
  return (
    holds(operations, operation) &&
    (scope === '*' || (scope === 'Namespaced') === inNamespace) &&
    (resourceNames.length === 0 || resourceNames.includes(name))
  );
}

/**
 * The name by which rules mean a request: what was asked for, before its other names. `matchPolicy`: whether they must name what was asked
 * for (`Exact`). Undefined: they do not mean it.
 */
export function nameInRules(
  rules: readonly AdmissionRule[],
  context: AdmissionContext,
  matchPolicy = 'Equivalent',
): ServedName | undefined {
  const { subresource, asked = context, servedAs = [] } = context;
  const meant = rules.filter((rule) => meansRequest(rule, context));
  if (meant.length === 0) return undefined;
  const served = matchPolicy === 'Exact' ? [asked] : [asked, context, ...servedAs];
  return served.find((one) => meant.some((rule) => names(rule, one, subresource)));
}

const isEmpty = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean =>
  Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;

/** What subresources take need not have metadata. */
const labelsIn = (object: Partial<Pick<KubeObject, 'metadata'>>): Readonly<Record<string, string>> | undefined =>
  object.metadata?.labels;

/** Whether the object, as it is or as it was, has the labels. */
export function objectSelected(
  selector: LabelSelector | undefined,
  object: AdmissionObject,
  { oldObject }: AdmissionContext,
): boolean {
  if (selector === undefined || isEmpty(selector)) return true;
  const wanted = fromLabelSelector(selector);
  return [object, oldObject].some((one) => one !== undefined && matchesSelector(wanted, labelsIn(one)));
}

/** Labels of a namespace. @throws what the API throws, also when there is no such namespace */
export type NamespaceLabels = (name: string) => Promise<Readonly<Record<string, string>> | undefined>;

/** Whether the namespace of the request, or the namespace that it is about, has the labels. Other objects of the cluster: always. @throws what `labelsOf` throws */
export async function namespaceSelected(
  selector: LabelSelector | undefined,
  object: AdmissionObject,
  context: AdmissionContext,
  labelsOf: NamespaceLabels,
): Promise<boolean> {
  if (selector === undefined || isEmpty(selector)) return true;
  const wanted = fromLabelSelector(selector);
  if (context.group === '' && context.resource === 'namespaces') {
    return context.subresource === '' && context.operation !== 'DELETE'
      ? matchesSelector(wanted, object.metadata.labels)
      : matchesSelector(wanted, (await labelsOf(context.name)) ?? {});
  }
  if (context.namespace === undefined || context.namespace === '') return true;
  return matchesSelector(wanted, (await labelsOf(context.namespace)) ?? {});
}
