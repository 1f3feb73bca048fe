import { describe, expect, it } from '@jest/globals';
import type { ClusterRole, ClusterRoleBinding } from '@timonel/sdk/kube';
import { completedBinding, completedRole, defaultClusterRoleBindings, defaultClusterRoles } from './default-objects.ts';

const named = <T extends { metadata: { name?: string } }>(all: readonly T[], name: string): T => {
  const found = all.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};
const basic = named(defaultClusterRoles, 'system:basic-user');
const leftAlone = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };

describe('default roles', () => {
  it('each is bound and named once', () => {
    const names = defaultClusterRoles.map(({ metadata }) => metadata.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { roleRef } of defaultClusterRoleBindings) expect(names).toContain(roleRef.name);
  });

  it('are given what they lack, and keep what others gave them', () => {
    const mine = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
    const found: ClusterRole = { metadata: { ...basic.metadata }, rules: [mine, ...(basic.rules ?? []).slice(1)] };
    expect(completedRole(found, basic)?.rules).toEqual([...(found.rules ?? []), basic.rules?.[0]]);
    expect(completedRole({ ...basic, rules: [mine, ...(basic.rules ?? [])] }, basic)).toBeUndefined();
    expect(completedRole({ metadata: { name: 'x', annotations: leftAlone }, rules: [] }, basic)).toBeUndefined();
  });

  it('bindings are given the subjects they lack', () => {
    const wanted = named(defaultClusterRoleBindings, 'system:discovery');
    const mine = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'me' };
    const found: ClusterRoleBinding = { ...wanted, subjects: [mine] };
    expect(completedBinding(found, wanted)?.subjects).toEqual([mine, ...(wanted.subjects ?? [])]);
    expect(completedBinding(wanted, wanted)).toBeUndefined();
    expect(completedBinding({ ...found, metadata: { annotations: leftAlone } }, wanted)).toBeUndefined();
  });
});
