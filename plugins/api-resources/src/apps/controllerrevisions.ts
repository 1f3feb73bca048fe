import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { controllerOf, type KubeObject } from '@timonel/sdk/kube';
import { fill } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, counted, nameColumn, none, numberAt, shown } from '../table/columns.ts';
import { isObject, itemsOf, textOf } from '../validation/loose.ts';

function controllerCell(revision: KubeObject): string {
  const owners = itemsOf(revision.metadata.ownerReferences).filter(isObject);
  const owner = controllerOf({ metadata: { ownerReferences: owners } });
  if (owner === undefined) return none;
  const [group = ''] = textOf(owner.apiVersion).includes('/') ? textOf(owner.apiVersion).split('/') : [];
  const kind = textOf(owner.kind).toLowerCase();
  return `${group === '' ? kind : `${kind}.${group}`}/${textOf(owner.name)}`;
}

export const controllerRevisionKind: ResourceDefinition = describedKind({
  group: 'apps',
  kind: 'ControllerRevision',
  resource: 'controllerrevisions',
  default: (revision) => fill(revision, { revision: 0 }),
  check(revision) {
    revision.nonNegative('revision');
    if (revision.has('data') && !isObject(revision.get('data')))
      revision.invalid('data', 'must be a valid JSON object');
    if (!revision.has('data')) revision.missing('data', 'data is mandatory');
  },
  immutable: ['data'],
  columns: [
    nameColumn,
    shown('Controller', 'Whose state it keeps.', controllerCell),
    counted('Revision', 'Its number.', (revision) => numberAt(revision, 'revision')),
    ageColumn,
  ],
});
