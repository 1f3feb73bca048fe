import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { qualifiedNameProblems, type KubeObject } from '@timonel/sdk/kube';
import { fill } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, column, nameColumn, shown, showing, textAt, unset, valueAt } from '../table/columns.ts';
import { sameJson } from '../validation/findings.ts';
import { fieldOf } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';

const parametersLimit = 512;
const parametersLimitBytes = 256 * 1024;
const defaultMarks = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** A driver's name. Kubernetes checks it in lower case. */
export function driverProblems(name: string): string[] {
  return qualifiedNameProblems(name.toLowerCase());
}

/** Settings for a driver, as texts. */
export function checkParameters(parameters: Part): void {
  const entries = parameters.entries();
  if (entries.length > parametersLimit) parameters.found.tooLong(parameters.path, parametersLimit);
  const bytes = entries.reduce(
    (sum, [key, value]) => sum + key.length + (typeof value === 'string' ? value.length : 0),
    0,
  );
  if (bytes > parametersLimitBytes) parameters.found.tooLong(parameters.path, parametersLimitBytes);
  for (const [key] of entries) if (key === '') parameters.wrong('field can not be empty.');
}

function check(storage: Part): void {
  storage.named('provisioner', driverProblems, 'required');
  checkParameters(storage.at('parameters'));
  storage.oneOf('reclaimPolicy', ['Delete', 'Retain'], 'optional');
  storage.oneOf('volumeBindingMode', ['Immediate', 'WaitForFirstConsumer']);
  for (const term of storage.list('allowedTopologies'))
    for (const item of term.list('matchLabelExpressions')) {
      item.named('key', qualifiedNameProblems, 'required');
      item.requireItems('values');
      item.distinct('values');
    }
}

function nameCell(storage: KubeObject): string {
  const annotations: unknown = fieldOf(storage.metadata, 'annotations');
  const isDefault = defaultMarks.some((mark) => fieldOf(annotations, mark) === 'true');
  return `${textAt(storage, 'metadata.name')}${isDefault ? ' (default)' : ''}`;
}

export const storageClassKind: ResourceDefinition = describedKind({
  group: 'storage.k8s.io',
  kind: 'StorageClass',
  resource: 'storageclasses',
  namespaced: false,
  shortNames: ['sc'],
  default: (storage) => fill(storage, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  check,
  immutable: ['volumeBindingMode'],
  checkUpdate(storage, old) {
    for (const field of ['parameters', 'provisioner', 'reclaimPolicy'])
      if (!sameJson(storage.get(field), old.get(field)))
        storage.found.forbidden(field, `updates to ${field} are forbidden.`);
  },
  columns: [
    { ...nameColumn, cell: nameCell },
    shown('Provisioner', 'The driver that makes volumes.', (storage) => textAt(storage, 'provisioner')),
    shown('ReclaimPolicy', 'What becomes of volumes whose claim goes.', (storage) => textAt(storage, 'reclaimPolicy')),
    shown('VolumeBindingMode', 'When volumes are made.', (storage) => textAt(storage, 'volumeBindingMode', unset)),
    showing(
      column('AllowVolumeExpansion', 'Whether volumes may grow.', 'boolean'),
      (storage) => valueAt(storage, 'allowVolumeExpansion') === true,
    ),
    ageColumn,
  ],
});
