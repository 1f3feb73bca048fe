/** Which flow schema a request is of, and which flow of it. */
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { FlowPathRule, FlowResourceRule, FlowRule, FlowSchema, FlowSubject } from '@timonel/sdk/kube';

const any = '*';
const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes(value) || list.includes(any));

function isSubject({ kind, user, group, serviceAccount }: FlowSubject, { username, groups }: UserInfo): boolean {
  if (kind === 'User') return user !== undefined && (user.name === any || user.name === username);
  if (kind === 'Group') return group !== undefined && (group.name === any || groups.includes(group.name));
  if (serviceAccount === undefined) return false;
  const { namespace, name } = serviceAccount;
  if (name === any) return username.startsWith(`system:serviceaccount:${namespace}:`);
  return username === `system:serviceaccount:${namespace}:${name}`;
}

function isOfResource(rule: FlowResourceRule, attributes: AccessAttributes): boolean {
  const { verb, group, resource, subresource, namespace } = attributes;
  const named = subresource === '' ? resource : `${resource}/${subresource}`;
  if (!has(rule.verbs, verb) || !has(rule.apiGroups, group) || !has(rule.resources, named)) return false;
  return namespace === '' ? rule.clusterScope === true : has(rule.namespaces, namespace);
}

function isOfPath(rule: FlowPathRule, verb: string, path: string): boolean {
  if (!has(rule.verbs, verb)) return false;
  return rule.nonResourceURLs.some(
    (pattern) => pattern === path || (pattern.endsWith(any) && path.startsWith(pattern.slice(0, -1))),
  );
}

function isOfRule(
  { subjects, resourceRules = [], nonResourceRules = [] }: FlowRule,
  attributes: AccessAttributes,
): boolean {
  if (!subjects.some((subject) => isSubject(subject, attributes.user))) return false;
  const { path, verb } = attributes;
  if (path === undefined) return resourceRules.some((rule) => isOfResource(rule, attributes));
  return nonResourceRules.some((rule) => isOfPath(rule, verb, path));
}

export function matches({ spec }: FlowSchema, attributes: AccessAttributes): boolean {
  return (spec.rules ?? []).some((rule) => isOfRule(rule, attributes));
}

/** In the order in which they are asked: by precedence, then by name. */
export function inOrder(schemas: readonly FlowSchema[]): readonly FlowSchema[] {
  const precedence = ({ spec }: FlowSchema): number => spec.matchingPrecedence ?? 1000;
  const name = ({ metadata }: FlowSchema): string => metadata.name ?? '';
  return schemas.toSorted((a, b) => precedence(a) - precedence(b) || (name(a) < name(b) ? -1 : 1));
}

/** What tells the flows of a schema apart. */
export function distinguisher({ spec }: FlowSchema, { user, namespace }: AccessAttributes): string {
  const type = spec.distinguisherMethod?.type;
  if (type === 'ByUser') return user.username;
  return type === 'ByNamespace' ? namespace : '';
}
