import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { child } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, listAt, nameColumn, shown, valueAt } from '../table/columns.ts';
import { checkDevices, defaultDevices } from './device-requests.ts';

const consumersLimit = 256;

function stateCell(claim: KubeObject): string {
  const states = claim.metadata.deletionTimestamp === undefined ? [] : ['deleted'];
  if (valueAt(claim, 'status.allocation') === undefined) {
    if (states.length === 0) states.push('pending');
  } else {
    states.push('allocated');
    if (listAt(claim, 'status.reservedFor').length > 0) states.push('reserved');
  }
  return states.join(',');
}

export const resourceClaimKind: ResourceDefinition = describedKind({
  group: 'resource.k8s.io',
  kind: 'ResourceClaim',
  resource: 'resourceclaims',
  status: {},
  default: (claim) => defaultDevices(child(child(claim, 'spec'), 'devices')),
  check: (claim) => checkDevices(claim.at('spec').at('devices')),
  immutable: ['spec'],
  checkStatus(claim, old) {
    const status = claim.at('status');
    if (status.list('reservedFor').length > consumersLimit)
      status.found.tooLong(status.pathOf('reservedFor'), consumersLimit);
    status.distinct('reservedFor', 'uid');
    for (const consumer of status.list('reservedFor')) consumer.require('resource', 'name', 'uid');
    if (status.list('reservedFor').length > 0 && !status.at('allocation').present)
      status.found.forbidden(status.pathOf('reservedFor'), 'may not be specified when `allocated` is not set');
    if (old.at('status').at('allocation').present && status.at('allocation').present)
      status.unchanged(old.at('status'), 'allocation');
  },
  columns: [nameColumn, shown('State', 'How far it has come.', stateCell), ageColumn],
});

export const resourceClaimTemplateKind: ResourceDefinition = describedKind({
  group: 'resource.k8s.io',
  kind: 'ResourceClaimTemplate',
  resource: 'resourceclaimtemplates',
  default: (template) => defaultDevices(child(child(child(template, 'spec'), 'spec'), 'devices')),
  check: (template) => checkDevices(template.below('spec.spec.devices')),
  immutable: ['spec'],
  columns: [nameColumn, ageColumn],
});
