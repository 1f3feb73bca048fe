import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsLabelProblems, dnsSubdomainProblems, type KubeObject } from '@timonel/sdk/kube';
import { describedKind } from '../described-kind.ts';
import { ageColumn, nameColumn, none, shown, textAt } from '../table/columns.ts';
import { canonicalAddress } from '../validation/addresses.ts';
import type { Part } from '../validation/part.ts';

function check(address: Part): void {
  const parent = address.below('spec.parentRef');
  if (!parent.present) {
    address.at('spec').missing('parentRef');
    return;
  }
  parent.named('group', dnsSubdomainProblems);
  parent.require('resource', 'name');
  parent.named('namespace', dnsLabelProblems);
}

function parentCell(address: KubeObject): string {
  const part = (name: string): string => textAt(address, `spec.parentRef.${name}`);
  if (part('resource') === '') return none;
  const type = part('group') === '' ? part('resource') : `${part('resource')}.${part('group')}`;
  return part('namespace') === '' ? `${type}/${part('name')}` : `${type}/${part('namespace')}/${part('name')}`;
}

export const ipAddressKind: ResourceDefinition = describedKind({
  group: 'networking.k8s.io',
  kind: 'IPAddress',
  resource: 'ipaddresses',
  namespaced: false,
  shortNames: ['ip'],
  nameProblems: (name) => (canonicalAddress(name) === name ? [] : ['must be a valid IP address in canonical form']),
  check,
  immutable: ['spec.parentRef'],
  fields: (address) => ({ 'spec.parentRef.name': textAt(address, 'spec.parentRef.name') }),
  columns: [nameColumn, shown('ParentRef', 'Who uses the address.', parentCell), ageColumn],
});
