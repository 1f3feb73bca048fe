/** To whom the default roles are given, and the roles of single namespaces. */
import type { PolicyRule, RbacSubject } from '@timonel/sdk/kube';
import { read, rule } from './rule.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const group = (name: string): RbacSubject => ({ kind: 'Group', apiGroup, name });
const user = (name: string): RbacSubject => ({ kind: 'User', apiGroup, name });
const everyone = group('system:authenticated');

export interface DefaultBinding {
  /** Of the binding and of the role. */
  readonly name: string;
  readonly subjects: readonly RbacSubject[];
}

export const defaultBindings: readonly DefaultBinding[] = [
  { name: 'cluster-admin', subjects: [group('system:masters')] },
  { name: 'system:monitoring', subjects: [group('system:monitoring')] },
  { name: 'system:discovery', subjects: [everyone] },
  { name: 'system:basic-user', subjects: [everyone] },
  { name: 'system:public-info-viewer', subjects: [everyone, group('system:unauthenticated')] },
  { name: 'system:service-account-issuer-discovery', subjects: [group('system:serviceaccounts')] },
  { name: 'system:node-proxier', subjects: [user('system:kube-proxy')] },
  { name: 'system:kube-scheduler', subjects: [user('system:kube-scheduler')] },
  { name: 'system:volume-scheduler', subjects: [user('system:kube-scheduler')] },
  { name: 'system:kube-dns', subjects: [{ kind: 'ServiceAccount', name: 'kube-dns', namespace: 'kube-system' }] },
];

export interface NamespacedRole {
  readonly namespace: string;
  readonly name: string;
  readonly rules: readonly PolicyRule[];
}

export const namespacedRoles: readonly NamespacedRole[] = [
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    rules: [rule(read, 'core', 'configmaps', 'extension-apiserver-authentication')],
  },
];
