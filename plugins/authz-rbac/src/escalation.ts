/** Nobody grants by roles and bindings what he does not hold himself, unless he may `escalate` roles or `bind` them. */
import {
  forbiddenBy,
  refuse,
  type AdmissionContext,
  type AdmissionObject,
  type AdmissionRefusal,
} from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { jsonEqual } from '@timonel/sdk/controller';
import { ApiError, uncoveredRules, type ClusterRole, type PolicyRule, type RoleBinding } from '@timonel/sdk/kube';
import type { RuleBook } from './rule-book.ts';

const group = 'rbac.authorization.k8s.io';
const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

const listed = (values: readonly string[]): string => `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;

function shown(rule: PolicyRule): string {
  const quoted = (values: readonly string[]): string => `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
  const parts = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const;
  const given = parts.flatMap(([name, values]) => (values === undefined ? [] : [`${name}:${quoted(values)}`]));
  return `{${given.join(', ')}}`;
}

/** Single grants of the same thing as one, with all their verbs. */
function compacted(rules: readonly PolicyRule[]): PolicyRule[] {
  const found = new Map<string, PolicyRule>();
  for (const { verbs, ...what } of rules) {
    const key = JSON.stringify(what);
    const known = found.get(key);
    found.set(key, { ...what, verbs: [...(known?.verbs ?? []), ...verbs] });
  }
  return [...found.values()];
}

/** Why the user may not grant `wanted`; undefined: he may. */
function excess(user: UserInfo, owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): string | undefined {
  const { rules, gaveUp } = uncoveredRules(owned, wanted);
  if (rules.length === 0 && !gaveUp) return undefined;
  const more = gaveUp ? ['(the rules are too many to compare with those of the user)'] : [];
  const lines = [...compacted(rules).map(shown).toSorted(), ...more].join('\n');
  const who = `user ${JSON.stringify(user.username)} (groups=${listed(user.groups)})`;
  return `${who} is attempting to grant RBAC permissions not currently held:\n${lines}`;
}

function allows(book: RuleBook, verb: string, context: AdmissionContext, resource: string, name: string): boolean {
  const { user, namespace = '' } = context;
  return book.allows(user, namespace, { verb, group, resource, subresource: '', name });
}

function ofRole(book: RuleBook, role: ClusterRole, context: AdmissionContext): string | undefined {
  const { user, namespace = '', resource, name, oldObject } = context;
  if (allows(book, 'escalate', context, resource, name)) return undefined;
  const owned = book.rulesOf(user, namespace);
  const old: ClusterRole | undefined = oldObject;
  if (role.aggregationRule !== undefined && !jsonEqual(role.aggregationRule, old?.aggregationRule)) {
    const problem = excess(user, owned, everything);
    if (problem !== undefined) return `must have cluster-admin privileges to use the aggregationRule: ${problem}`;
  }
  return excess(user, owned, role.rules ?? []);
}

function ofBinding(book: RuleBook, binding: RoleBinding, context: AdmissionContext): string | ApiError | undefined {
  const { user, namespace = '' } = context;
  const { roleRef } = binding;
  const resource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  if (allows(book, 'bind', context, resource, roleRef.name)) return undefined;
  const wanted = book.rulesOfRole(roleRef, namespace);
  if (wanted !== undefined) return excess(user, book.rulesOf(user, namespace), wanted);
  const message = `${resource}.${group} ${JSON.stringify(roleRef.name)} not found`;
  return new ApiError('NotFound', message, { name: roleRef.name, group, kind: resource });
}

/** Whether nothing changes but what ends an object: those who end it need not hold what it grants. */
function endsOnly(object: AdmissionObject, old: AdmissionObject): boolean {
  const rest = ({ metadata, ...others }: AdmissionObject): unknown => {
    const { finalizers: _1, ownerReferences: _2, managedFields: _3, resourceVersion: _4, ...kept } = metadata;
    return { ...others, metadata: kept };
  };
  return jsonEqual(rest(object), rest(old));
}

/** Refusals of a write of a role or binding; undefined: it is none of them, or allowed. */
export function escalationRefusals(
  book: RuleBook,
  object: AdmissionObject,
  context: AdmissionContext,
): AdmissionRefusal[] | undefined {
  const { operation, resource, user, oldObject } = context;
  if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
  if (user.groups.includes('system:masters')) return undefined;
  if (oldObject !== undefined && endsOnly(object, oldObject as AdmissionObject)) return undefined;
  const subject = object as unknown;
  const problem = resource.endsWith('roles')
    ? ofRole(book, subject as ClusterRole, context)
    : ofBinding(book, subject as RoleBinding, context);
  if (problem === undefined) return undefined;
  return [refuse(typeof problem === 'string' ? forbiddenBy(context, problem) : problem)];
}

/** Whether a write is one of those that grant. */
export function grants({ group: written, subresource }: AdmissionContext): boolean {
  return written === group && subresource === '';
}
