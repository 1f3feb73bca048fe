/**
 * Takes out of the merged object what the applier applied before and leaves out now, unless somebody else owns it: an applier
 * or an updater.
 */
import type { JsonObject } from '../../json/plain-json.ts';
import type { SchemaNode } from '../../kinds/schema-node.ts';
import { difference, intersection, union, type FieldSet } from '../../managed-fields/field-set.ts';
import { fieldsOf } from '../../managed-fields/field-tree.ts';
import { removeFields, withNamedFields } from './remove-fields.ts';

export interface PruneInput {
  readonly merged: JsonObject;
  /** What the applier owned before. */
  readonly last: FieldSet;
  /** What all own now, the applier with what it sent. */
  readonly owned: FieldSet;
  readonly node: SchemaNode;
}

export function prune({ merged, last, owned, node }: PruneInput): JsonObject {
  const named = (set: FieldSet): FieldSet => withNamedFields(set, node);
  const lastNamed = named(last);
  const all = named(fieldsOf(merged, node));
  const removed = (fields: FieldSet): JsonObject => (removeFields(merged, fields, node, owned) ?? {}) as JsonObject;
  const bare = removed(lastNamed);
  // Back comes what anybody owns …
  const kept = removed(difference(all, union(named(fieldsOf(bare, node)), named(owned))));
  // … and what lay below it without having been the applier's.
  const gone = intersection(difference(all, named(fieldsOf(kept, node))), lastNamed);
  return removed(difference(gone, owned));
}
