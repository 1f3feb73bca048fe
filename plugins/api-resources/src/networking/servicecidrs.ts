import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { isIPv4 } from 'node:net';
import { describedKind } from '../described-kind.ts';
import { ageColumn, listAt, nameColumn, shown } from '../table/columns.ts';
import { cidrProblems } from '../validation/addresses.ts';
import { textOf } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';

function check(ranges: Part): void {
  const spec = ranges.at('spec');
  const cidrs = spec.list('cidrs');
  spec.requireItems('cidrs', 'at least one CIDR required');
  if (cidrs.length > 2) spec.invalid('cidrs', 'may only hold up to 2 values');
  for (const cidr of cidrs) cidr.found.problems(cidr.path, cidr.raw, cidrProblems(textOf(cidr.raw)));
  const families = cidrs.map((cidr) => isIPv4(textOf(cidr.raw).split('/', 1)[0] ?? ''));
  if (cidrs.length === 2 && families[0] === families[1])
    spec.invalid('cidrs', 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64');
}

export const serviceCidrKind: ResourceDefinition = describedKind({
  group: 'networking.k8s.io',
  kind: 'ServiceCIDR',
  resource: 'servicecidrs',
  namespaced: false,
  status: {},
  statusMetadata: true,
  check,
  immutable: ['spec.cidrs'],
  columns: [
    nameColumn,
    shown('CIDRs', 'Ranges of addresses for services.', (ranges) => listAt(ranges, 'spec.cidrs').map(textOf).join(',')),
    ageColumn,
  ],
});
