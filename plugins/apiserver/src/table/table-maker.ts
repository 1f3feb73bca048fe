/** meta/v1 Table: what `kubectl get` prints, made by the server. */
import type { Env } from '@timonel/sdk';
import type { TableColumn } from '@timonel/sdk/contracts/api-server';
import type { KubeObject, ListMeta } from '@timonel/sdk/kube';
import type { Kind } from '../kinds/kind-table.ts';
import { partialMetadata } from './partial-metadata.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** For kinds without columns of their own. */
const plainColumns: readonly TableColumn[] = [
  { name: 'Name', type: 'string', format: 'name', description: 'Name of the object.', priority: 0 },
  { name: 'Created At', type: 'date', description: 'When the object was created.', priority: 0 },
];

function definitionOf({ name, type, format, description, priority }: TableColumn): unknown {
  return { name, type, format: format ?? '', description, priority };
}

export class TableMaker {
  readonly #env: Env;
  readonly #include: IncludeObject;

  constructor(env: Env, include: IncludeObject) {
    this.#env = env;
    this.#include = include;
  }

  /** `withColumns`: watches tell the columns once. */
  make(kind: Kind, objects: readonly KubeObject[], metadata: ListMeta, withColumns = true): unknown {
    const { columns, strategy } = kind.definition;
    const plain = strategy.cells === undefined || columns.length === 0;
    const context = { now: this.#env.clock.now() };
    return {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      columnDefinitions: withColumns ? (plain ? plainColumns : columns).map(definitionOf) : null,
      rows: objects.map((object) => ({
        cells: plain
          ? [object.metadata.name ?? '', object.metadata.creationTimestamp ?? '']
          : strategy.cells?.(object, context),
        ...(this.#include === 'None' ? {} : { object: this.#include === 'Object' ? object : partialMetadata(object) }),
      })),
    };
  }
}
