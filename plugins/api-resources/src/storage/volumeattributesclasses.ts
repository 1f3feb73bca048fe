import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { describedKind } from '../described-kind.ts';
import { ageColumn, nameColumn, shown, textAt } from '../table/columns.ts';
import { checkParameters, driverProblems } from './storageclasses.ts';

export const volumeAttributesClassKind: ResourceDefinition = describedKind({
  group: 'storage.k8s.io',
  kind: 'VolumeAttributesClass',
  resource: 'volumeattributesclasses',
  namespaced: false,
  shortNames: ['vac'],
  check(attributes) {
    attributes.named('driverName', driverProblems, 'required');
    checkParameters(attributes.at('parameters'));
    if (attributes.at('parameters').entries().length === 0)
      attributes.missing('parameters', 'must contain at least one key/value pair');
  },
  immutable: ['driverName', 'parameters'],
  columns: [
    nameColumn,
    shown('DriverName', 'The driver that knows the attributes.', (attributes) => textAt(attributes, 'driverName')),
    ageColumn,
  ],
});
