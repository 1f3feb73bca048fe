import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { listedKind } from '../described-kind.ts';
import { listAt, nameColumn, shown, textAt } from '../table/columns.ts';

function healthyCell(field: 'status' | 'message' | 'error'): (object: unknown) => string {
  return (object) => {
    const condition = listAt(object, 'conditions').find((item) => textAt(item, 'type') === 'Healthy');
    const text = textAt(condition, field);
    if (field !== 'status') return text;
    return text === 'True' ? 'Healthy' : text === 'False' ? 'Unhealthy' : 'Unknown';
  };
}

/** What the server's own readiness checks say. Kubernetes has deprecated the kind. */
export const componentStatusKind: ResourceDefinition = listedKind(
  {
    group: '',
    kind: 'ComponentStatus',
    resource: 'componentstatuses',
    namespaced: false,
    shortNames: ['cs'],
    columns: [
      nameColumn,
      shown('Status', 'Whether it is healthy.', healthyCell('status')),
      shown('Message', 'What it says.', healthyCell('message')),
      shown('Error', 'What is wrong.', healthyCell('error')),
    ],
  },
  async ({ health }) =>
    (await health()).map(({ name, problem }) => ({
      metadata: { name },
      conditions: [
        problem === undefined
          ? { type: 'Healthy', status: 'True', message: 'ok' }
          : { type: 'Healthy', status: 'False', error: problem },
      ],
    })),
);
