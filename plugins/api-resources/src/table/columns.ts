import type { TableColumn } from '@timonel/sdk/contracts/api-server';

export const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
};

export const ageColumn: TableColumn = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  priority: 0,
};

/** A column that is always shown. */
export function column(name: string, description: string, type: TableColumn['type'] = 'string'): TableColumn {
  return { name, type, description, priority: 0 };
}

/** A column of `-o wide`. */
export function wideColumn(name: string, description: string): TableColumn {
  return { name, type: 'string', description, priority: 1 };
}

/** What kubectl prints where there is nothing. */
export const none = '<none>';

/** The text, or `<none>`. */
export function orNone(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : none;
}

/** Names joined by commas, `max` of them and how many more there are; `<none>` for none. */
export function joinedOrNone(items: readonly string[], max: number): string {
  if (items.length === 0) return none;
  if (items.length <= max) return items.join(',');
  return `${items.slice(0, max).join(',')} + ${items.length - max} more...`;
}
