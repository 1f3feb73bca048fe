import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems } from '@timonel/sdk/kube';
import { canonicalFields } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { nameColumn, shown, textAt } from '../table/columns.ts';

export const csiStorageCapacityKind: ResourceDefinition = describedKind({
  group: 'storage.k8s.io',
  kind: 'CSIStorageCapacity',
  resource: 'csistoragecapacities',
  default: (capacity) => canonicalFields(capacity, 'capacity', 'maximumVolumeSize'),
  check(capacity) {
    capacity.named('storageClassName', dnsSubdomainProblems, 'required');
    capacity.selector('nodeTopology');
    capacity.quantity('capacity');
    capacity.quantity('maximumVolumeSize');
  },
  immutable: ['nodeTopology', 'storageClassName'],
  columns: [
    nameColumn,
    shown('StorageClassName', 'The class of its volumes.', (capacity) => textAt(capacity, 'storageClassName')),
    shown('Capacity', 'How much there is.', (capacity) => textAt(capacity, 'capacity', '<unset>')),
  ],
});
