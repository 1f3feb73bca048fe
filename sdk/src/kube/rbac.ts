/** rbac.authorization.k8s.io/v1: who may do what. */
import { defineResource, type KubeObject, type LabelSelector, type ResourceType } from './meta.ts';

export interface PolicyRule {
  verbs: string[];
  apiGroups?: string[];
  /** `pods`, `pods/log`, `*`; a star before a slash stands for every resource. */
  resources?: string[];
  /** Absent or empty: every name. */
  resourceNames?: string[];
  /** Paths that are no resources; `*` at the end stands for any rest. */
  nonResourceURLs?: string[];
}

export interface Role extends KubeObject {
  rules?: PolicyRule[] | null;
}

export interface ClusterRole extends Role {
  /** The rules are those of all cluster roles that one of these selects. */
  aggregationRule?: { clusterRoleSelectors?: LabelSelector[] };
}

export interface RbacSubject {
  kind: string;
  name: string;
  apiGroup?: string;
  /** Of a service account. */
  namespace?: string;
}

export interface RoleBinding extends KubeObject {
  roleRef: { apiGroup: string; kind: string; name: string };
  subjects?: RbacSubject[];
}

export type ClusterRoleBinding = RoleBinding;

const v1 = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;

export const roles: ResourceType<Role> = defineResource({ ...v1, kind: 'Role', resource: 'roles', namespaced: true });
export const roleBindings: ResourceType<RoleBinding> = defineResource({
  ...v1,
  kind: 'RoleBinding',
  resource: 'rolebindings',
  namespaced: true,
});
export const clusterRoles: ResourceType<ClusterRole> = defineResource({
  ...v1,
  kind: 'ClusterRole',
  resource: 'clusterroles',
  namespaced: false,
});
export const clusterRoleBindings: ResourceType<ClusterRoleBinding> = defineResource({
  ...v1,
  kind: 'ClusterRoleBinding',
  resource: 'clusterrolebindings',
  namespaced: false,
});
