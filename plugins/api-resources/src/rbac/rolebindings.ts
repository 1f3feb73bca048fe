import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems, type KubeObject } from '@timonel/sdk/kube';
import { child, fill, items, type Json } from '../defaults.ts';
import { describedKind, type KindDescription } from '../described-kind.ts';
import { ageColumn, listAt, nameColumn, shown, textAt, wide } from '../table/columns.ts';
import { sameJson } from '../validation/findings.ts';
import type { Part } from '../validation/part.ts';
import { pathSegmentProblems } from '../validation/path-segment.ts';

const group = 'rbac.authorization.k8s.io';

function defaultBinding(binding: Json): void {
  fill(child(binding, 'roleRef'), { apiGroup: group });
  for (const subject of items(binding, 'subjects')) {
    if (subject['kind'] === 'User' || subject['kind'] === 'Group') fill(subject, { apiGroup: group });
  }
}

function checkSubject(subject: Part, namespaced: boolean): void {
  subject.require('name');
  const apiGroup = subject.text('apiGroup');
  switch (subject.text('kind')) {
    case 'ServiceAccount':
      subject.named('name', dnsSubdomainProblems);
      if (apiGroup !== '') subject.found.notSupported(subject.pathOf('apiGroup'), apiGroup, ['']);
      if (!subject.has('namespace') && !namespaced) subject.missing('namespace');
      return;
    case 'User':
    case 'Group':
      if (apiGroup !== group) subject.found.notSupported(subject.pathOf('apiGroup'), apiGroup, [group]);
      return;
    default:
      subject.found.notSupported(subject.pathOf('kind'), subject.text('kind'), ['ServiceAccount', 'User', 'Group']);
  }
}

function checkBinding(binding: Part, roles: readonly string[], namespaced: boolean): void {
  const role = binding.at('roleRef');
  if (role.text('apiGroup') !== group) role.found.notSupported(role.pathOf('apiGroup'), role.text('apiGroup'), [group]);
  if (!roles.includes(role.text('kind'))) role.found.notSupported(role.pathOf('kind'), role.text('kind'), roles);
  role.named('name', pathSegmentProblems, 'required');
  for (const subject of binding.list('subjects')) checkSubject(subject, namespaced);
}

/** What is granted must not change under those who have it. */
function checkUpdate(binding: Part, old: Part): void {
  if (!sameJson(binding.get('roleRef'), old.get('roleRef'))) binding.invalid('roleRef', 'cannot change roleRef');
}

function subjectsOf(binding: KubeObject, kind: string): string {
  return listAt(binding, 'subjects')
    .filter((subject) => textAt(subject, 'kind') === kind)
    .map((subject) => {
      const name = textAt(subject, 'name');
      return kind === 'ServiceAccount' ? `${textAt(subject, 'namespace')}/${name}` : name;
    })
    .join(', ');
}

const columns: KindDescription['columns'] = [
  nameColumn,
  shown(
    'Role',
    'What is granted.',
    (binding) => `${textAt(binding, 'roleRef.kind')}/${textAt(binding, 'roleRef.name')}`,
  ),
  ageColumn,
  wide('Users', 'Users to whom it is granted.', (binding) => subjectsOf(binding, 'User')),
  wide('Groups', 'Groups to whom it is granted.', (binding) => subjectsOf(binding, 'Group')),
  wide('ServiceAccounts', 'Service accounts to whom it is granted.', (binding) =>
    subjectsOf(binding, 'ServiceAccount'),
  ),
];

const shared = { group, nameProblems: pathSegmentProblems, default: defaultBinding, checkUpdate, columns } as const;

export const roleBindingKind: ResourceDefinition = describedKind({
  ...shared,
  kind: 'RoleBinding',
  resource: 'rolebindings',
  check: (binding) => checkBinding(binding, ['Role', 'ClusterRole'], true),
});

export const clusterRoleBindingKind: ResourceDefinition = describedKind({
  ...shared,
  kind: 'ClusterRoleBinding',
  resource: 'clusterrolebindings',
  namespaced: false,
  check: (binding) => checkBinding(binding, ['ClusterRole'], false),
});
