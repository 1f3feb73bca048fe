/** Drops the fields that a schema does not have. */
import type { Budget } from './budget.ts';
import { isJson, type Json, type Schema } from './schema.ts';

const ownFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);
/** What metadata of an embedded object may have. */
const metadataFields: ReadonlySet<string> = new Set([
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
]);

export class Pruning {
  /** Paths of what was dropped. */
  readonly dropped: string[] = [];
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** A whole object of the kind: its metadata is left alone. */
  object(object: Json, schema: Schema): void {
    this.#members(object, schema, '', true);
  }

  value(value: unknown, schema: Schema, path = ''): void {
    this.#budget.spend(1);
    if (Array.isArray(value)) {
      const { items } = schema;
      if (items === undefined) return;
      value.forEach((item, index) => this.value(item, items, `${path}[${index}]`));
    } else if (isJson(value)) {
      this.#members(value, schema, path, schema.embedded);
      if (schema.embedded && isJson(value['metadata'])) this.#metadata(value['metadata'], `${path}.metadata`);
    }
  }

  #members(object: Json, schema: Schema, path: string, isResource: boolean): void {
    for (const name of Object.keys(object)) {
      this.#budget.spend(1);
      if (isResource && ownFields.has(name)) continue;
      const member = schema.member(name);
      const at = path === '' ? name : `${path}.${name}`;
      if (typeof member === 'object') this.value(object[name], member, at);
      else if (member === undefined && !schema.preserves) this.#drop(object, name, at);
    }
  }

  #metadata(metadata: Json, path: string): void {
    for (const name of Object.keys(metadata)) {
      if (!metadataFields.has(name)) this.#drop(metadata, name, `${path}.${name}`);
    }
  }

  #drop(object: Json, name: string, path: string): void {
    delete object[name];
    this.dropped.push(path);
  }
}
