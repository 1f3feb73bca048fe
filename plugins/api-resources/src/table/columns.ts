import type { TableColumn, TableContext } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { fieldOf, shownText } from '../validation/loose.ts';
import { age } from './time.ts';

export type Cell = string | number | boolean;

/** A column and what stands in it. */
export interface CellColumn extends TableColumn {
  readonly cell: (object: KubeObject, context: TableContext) => Cell;
}

export const nameColumn: CellColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  cell: (object) => shownText(fieldOf(object.metadata, 'name')),
};

export const ageColumn: CellColumn = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  priority: 0,
  cell: age,
};

/** A column that is always shown. */
export function column(name: string, description: string, type: TableColumn['type'] = 'string'): TableColumn {
  return { name, type, description, priority: 0 };
}

/** A column of `-o wide`. */
export function wideColumn(name: string, description: string): TableColumn {
  return { name, type: 'string', description, priority: 1 };
}

/** A column with its cell. */
export function showing(shape: TableColumn, cell: CellColumn['cell']): CellColumn {
  return { ...shape, cell };
}

/** A column that is always shown, with its cell. */
export function shown(name: string, description: string, cell: CellColumn['cell']): CellColumn {
  return showing(column(name, description), cell);
}

/** The same for whole numbers. */
export function counted(name: string, description: string, cell: CellColumn['cell']): CellColumn {
  return showing(column(name, description, 'integer'), cell);
}

/** A column of `-o wide`, with its cell. */
export function wide(name: string, description: string, cell: CellColumn['cell']): CellColumn {
  return showing(wideColumn(name, description), cell);
}

/** What kubectl prints where there is nothing. */
export const none = '<none>';

/** What kubectl prints where nobody has set anything. */
export const unset = '<unset>';

/** The text, or `<none>`. */
export function orNone(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : none;
}

/** The field of an object reached by names with dots between. */
export function valueAt(object: unknown, names: string): unknown {
  return names.split('.').reduce<unknown>((value, name) => fieldOf(value, name), object);
}

/** The text of a field, or another one when it is not there. */
export function textAt(object: unknown, names: string, otherwise = ''): string {
  return shownText(valueAt(object, names)) || otherwise;
}

/** The number in a field, or 0. */
export function numberAt(object: unknown, names: string): number {
  const value = valueAt(object, names);
  return typeof value === 'number' ? value : 0;
}

/** The list in a field. */
export function listAt(object: unknown, names: string): readonly unknown[] {
  const value = valueAt(object, names);
  return Array.isArray(value) ? value : [];
}

/** Names joined by commas, `max` of them and how many more there are; `<none>` for none. */
export function joinedOrNone(items: readonly string[], max: number): string {
  if (items.length === 0) return none;
  if (items.length <= max) return items.join(',');
  return `${items.slice(0, max).join(',')} + ${items.length - max} more...`;
}
