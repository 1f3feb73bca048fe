/** The default roles and bindings as objects, and what one that is there already lacks. Source: Kubernetes' reconciliation of RBAC. */
import {
  uncoveredRules,
  type ClusterRole,
  type ClusterRoleBinding,
  type PolicyRule,
  type Role,
  type RoleBinding,
} from '@timonel/sdk/kube';
import { defaultBindings, namespacedRoles, type DefaultBinding } from './bindings.ts';
import { systemRoles } from './system-roles.ts';
import { userRoles, type DefaultRole } from './user-roles.ts';

const apiGroup = 'rbac.authorization.k8s.io';
/** `false`: the object is left as it is. */
const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate';
const metadata = (name: string, labels: Readonly<Record<string, string>> = {}): ClusterRole['metadata'] => ({
  name,
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
  annotations: { [autoUpdate]: 'true' },
});

function roleObject({ name, rules, labels, aggregates }: DefaultRole): ClusterRole {
  const selectors = aggregates === undefined ? [] : [{ matchLabels: { [aggregates]: 'true' } }];
  return {
    metadata: metadata(name, labels),
    ...(selectors.length === 0 ? {} : { aggregationRule: { clusterRoleSelectors: selectors } }),
    rules: [...rules],
  };
}

function bindingObject({ name, subjects }: DefaultBinding): ClusterRoleBinding {
  return { metadata: metadata(name), roleRef: { apiGroup, kind: 'ClusterRole', name }, subjects: [...subjects] };
}

export const defaultClusterRoles: readonly ClusterRole[] = [...userRoles, ...systemRoles].map(roleObject);
export const defaultClusterRoleBindings: readonly ClusterRoleBinding[] = defaultBindings.map(bindingObject);
export const defaultRoles: readonly Role[] = namespacedRoles.map(({ namespace, name, rules }) => ({
  metadata: { ...metadata(name), namespace },
  rules: [...rules],
}));

function withMetadata<T extends Role | RoleBinding>(found: T, wanted: T): T['metadata'] {
  const labels = { ...found.metadata.labels, ...wanted.metadata.labels };
  return { ...found.metadata, labels, annotations: { ...wanted.metadata.annotations, ...found.metadata.annotations } };
}

function isLeftAlone({ metadata: { annotations } }: Role | RoleBinding): boolean {
  return annotations?.[autoUpdate] === 'false';
}

function lacksMetadata(found: Role | RoleBinding, wanted: Role | RoleBinding): boolean {
  const lacking = (own: Record<string, string> = {}, other: Record<string, string> = {}): boolean =>
    Object.keys(other).some((key) => !Object.hasOwn(own, key));
  return lacking(found.metadata.labels, wanted.metadata.labels);
}

/** The role with all that the default grants; undefined: it has it. What others added stays. */
export function completedRole<T extends ClusterRole>(found: T, wanted: T): T | undefined {
  if (isLeftAlone(found)) return undefined;
  const missing: PolicyRule[] = (wanted.rules ?? []).filter(
    (rule) => uncoveredRules(found.rules ?? [], [rule]).rules.length > 0,
  );
  const aggregates = wanted.aggregationRule !== undefined && found.aggregationRule === undefined;
  if (missing.length === 0 && !aggregates && !lacksMetadata(found, wanted)) return undefined;
  return {
    ...found,
    metadata: withMetadata(found, wanted),
    ...(aggregates ? { aggregationRule: wanted.aggregationRule } : {}),
    rules: [...(found.rules ?? []), ...missing],
  };
}

/** The binding with all subjects of the default; undefined: it has them. */
export function completedBinding<T extends RoleBinding>(found: T, wanted: T): T | undefined {
  if (isLeftAlone(found)) return undefined;
  const keyOf = ({ kind, name, namespace = '' }: NonNullable<T['subjects']>[number]): string =>
    `${kind} ${namespace}/${name}`;
  const known = new Set((found.subjects ?? []).map(keyOf));
  const missing = (wanted.subjects ?? []).filter((subject) => !known.has(keyOf(subject)));
  if (missing.length === 0) return undefined;
  return { ...found, metadata: withMetadata(found, wanted), subjects: [...(found.subjects ?? []), ...missing] };
}
