import type { ResourceDefinition, Strategy } from '@timonel/sdk/contracts/api-server';
import { leases, type FieldError, type Lease } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { ageColumn, column, nameColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings } from '../validation/findings.ts';
import { objectOf, textOf } from '../validation/loose.ts';

const strategy: Strategy<Lease> = {
  validate(lease): FieldError[] {
    const found = new Findings();
    const { holderIdentity, leaseDurationSeconds, leaseTransitions } = objectOf(lease.spec);
    if (holderIdentity === '') found.invalid('spec.holderIdentity', holderIdentity, 'must not be empty');
    if (typeof leaseDurationSeconds === 'number' && leaseDurationSeconds <= 0)
      found.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0');
    found.nonNegative('spec.leaseTransitions', leaseTransitions);
    return found.all();
  },
  cells: (lease, context) => [
    textOf(lease.metadata.name),
    textOf(objectOf(lease.spec).holderIdentity),
    age(lease, context),
  ],
};

export const leaseKind: ResourceDefinition<Lease> = defineKind({
  type: leases,
  schema: 'io.k8s.api.coordination.v1.Lease',
  columns: [nameColumn, column('Holder', 'Who holds the lease.'), ageColumn],
  strategy,
});
