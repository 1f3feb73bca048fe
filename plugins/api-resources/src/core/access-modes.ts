import type { KubeObject } from '@timonel/sdk/kube';
import { listAt } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';

const short: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const modes = Object.keys(short);

/** `RWO,ROX`: in the order in which kubectl prints them. */
export function accessModesCell(object: KubeObject, names: string): string {
  const given = listAt(object, names);
  return modes
    .filter((mode) => given.includes(mode))
    .map((mode) => short[mode])
    .join(',');
}

export function checkAccessModes(spec: Part): void {
  spec.requireItems('accessModes');
  spec.eachOneOf('accessModes', ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']);
  const given = spec.list('accessModes').map((item) => item.raw);
  if (given.length > 1 && given.includes('ReadWriteOncePod'))
    spec.found.forbidden(spec.pathOf('accessModes'), 'may not use ReadWriteOncePod with other access modes');
}
