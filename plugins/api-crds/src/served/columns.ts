/** What `kubectl get` prints of objects: by JSON paths. */
import type { TableColumn, TableContext } from '@timonel/sdk/contracts/api-server';
import { ageOf, type CustomResourceColumn, type KubeObject } from '@timonel/sdk/kube';
import { parsePath, valuesAt, type Step } from '../definition/paths.ts';

type Cell = string | number | boolean | null;

interface PathColumn extends TableColumn {
  readonly steps: readonly Step[];
}

const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
};
const ageColumn: CustomResourceColumn = {
  name: 'Age',
  type: 'date',
  description: 'Time since the object was created.',
  jsonPath: '.metadata.creationTimestamp',
};

function columnOf({ name, type, format, description, priority, jsonPath }: CustomResourceColumn): PathColumn {
  return {
    name,
    type: type as TableColumn['type'],
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority ?? 0,
    ...(format === undefined ? {} : { format }),
    steps: parsePath(jsonPath) ?? [],
  };
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function cellOf(object: KubeObject, { type, steps }: PathColumn, { now }: TableContext): Cell {
  const [value] = valuesAt(object, steps);
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'string':
      return shown(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : null;
  }
}

export interface Table {
  readonly columns: readonly TableColumn[];
  cells(object: KubeObject, context: TableContext): Cell[];
}

export function tableOf(given: readonly CustomResourceColumn[]): Table {
  const columns = (given.length === 0 ? [ageColumn] : given).map(columnOf);
  return {
    columns: [nameColumn, ...columns.map(({ steps: _steps, ...shape }) => shape)],
    cells: (object, context) => [
      object.metadata.name ?? '',
      ...columns.map((column) => cellOf(object, column, context)),
    ],
  };
}
