import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems } from '@timonel/sdk/kube';
import { child, fill } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, column, listAt, nameColumn, shown, showing, textAt, unset, valueAt } from '../table/columns.ts';
import { textOf } from '../validation/loose.ts';

const nameLimit = 63;
const flag = (name: string, description: string, field: string): ReturnType<typeof showing> =>
  showing(column(name, description, 'boolean'), (driver) => valueAt(driver, `spec.${field}`) === true);

export const csiDriverKind: ResourceDefinition = describedKind({
  group: 'storage.k8s.io',
  kind: 'CSIDriver',
  resource: 'csidrivers',
  namespaced: false,
  nameProblems: (name) => [
    ...dnsSubdomainProblems(name),
    ...(name.length > nameLimit ? [`must be no more than ${nameLimit} characters`] : []),
  ],
  default(driver) {
    fill(child(driver, 'spec'), {
      attachRequired: true,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      podInfoOnMount: false,
      requiresRepublish: false,
      seLinuxMount: false,
      storageCapacity: false,
      volumeLifecycleModes: ['Persistent'],
    });
  },
  check(driver) {
    const spec = driver.at('spec');
    spec.oneOf('fsGroupPolicy', ['File', 'None', 'ReadWriteOnceWithFSType'], 'optional');
    spec.eachOneOf('volumeLifecycleModes', ['Ephemeral', 'Persistent']);
    spec.distinct('tokenRequests', 'audience');
    for (const request of spec.list('tokenRequests')) request.within('expirationSeconds', 600, 2 ** 32);
  },
  immutable: ['spec.attachRequired', 'spec.volumeLifecycleModes'],
  columns: [
    nameColumn,
    flag('AttachRequired', 'Whether volumes are attached to nodes.', 'attachRequired'),
    flag('PodInfoOnMount', 'Whether it is told about the pod.', 'podInfoOnMount'),
    flag('StorageCapacity', 'Whether it publishes its capacity.', 'storageCapacity'),
    shown(
      'TokenRequests',
      'Audiences of tokens it gets.',
      (driver) =>
        listAt(driver, 'spec.tokenRequests')
          .map((request) => textAt(request, 'audience'))
          .join(',') || unset,
    ),
    flag('RequiresRepublish', 'Whether it is called again and again.', 'requiresRepublish'),
    shown(
      'Modes',
      'The lives its volumes can have.',
      (driver) => listAt(driver, 'spec.volumeLifecycleModes').map(textOf).join(',') || '<none>',
    ),
    ageColumn,
  ],
});
