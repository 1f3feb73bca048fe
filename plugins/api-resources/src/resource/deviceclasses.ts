import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { describedKind } from '../described-kind.ts';
import { ageColumn, nameColumn } from '../table/columns.ts';
import { checkConfigurations, checkSelectors } from './device-requests.ts';

export const deviceClassKind: ResourceDefinition = describedKind({
  group: 'resource.k8s.io',
  kind: 'DeviceClass',
  resource: 'deviceclasses',
  namespaced: false,
  generation: true,
  check(deviceClass) {
    checkSelectors(deviceClass.at('spec'));
    checkConfigurations(deviceClass.at('spec'));
  },
  columns: [nameColumn, ageColumn],
});
