import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { fill } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, column, counted, nameColumn, numberAt, shown, showing, textAt, valueAt } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import { systemPriorities } from './system-priorities.ts';

const systemPrefix = 'system-';
const userLimit = 1_000_000_000;

function check(priority: Part): void {
  const name = priority.at('metadata').text('name');
  const value = priority.number('value') ?? 0;
  if (name.startsWith(systemPrefix)) {
    if (systemPriorities.get(name) !== value)
      priority.found.forbidden(
        'metadata.name',
        `priority class names with '${systemPrefix}' prefix are reserved for system use only`,
      );
  } else if (value > userLimit)
    priority.found.forbidden('value', `maximum allowed value of a user defined priority is ${userLimit}`);
  priority.oneOf('preemptionPolicy', ['Never', 'PreemptLowerPriority'], 'optional');
}

export const priorityClassKind: ResourceDefinition = describedKind({
  group: 'scheduling.k8s.io',
  kind: 'PriorityClass',
  resource: 'priorityclasses',
  namespaced: false,
  shortNames: ['pc'],
  generation: true,
  default: (priority) => fill(priority, { preemptionPolicy: 'PreemptLowerPriority', value: 0 }),
  check,
  immutable: ['preemptionPolicy'],
  checkUpdate(priority, old) {
    if (priority.get('value') !== old.get('value'))
      priority.found.forbidden('value', 'may not be changed in an update.');
  },
  columns: [
    nameColumn,
    counted('Value', 'The priority of pods of the class.', (priority) => numberAt(priority, 'value')),
    showing(
      column('Global-Default', 'Whether pods without a class have it.', 'boolean'),
      (priority) => valueAt(priority, 'globalDefault') === true,
    ),
    ageColumn,
    shown('PreemptionPolicy', 'Whether its pods may push out others.', (priority) =>
      textAt(priority, 'preemptionPolicy'),
    ),
  ],
});
