/** What a write other than an apply does to the entries: the writer takes what it changes, and others lose it. */
import type { JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import type { Difference } from './compare.ts';
import { entryOf, isEntryOf, sortedEntries, type FieldWriter, type ManagedEntry } from './entries.ts';
import { difference, emptySet, isEmpty, union, type FieldSet } from './field-set.ts';
import { compareObjects, skeletonOf, type Part } from './object-fields.ts';
import { cappedEntries } from './cap.ts';

/** Fields that came or changed. */
export function gainedIn({ added = emptySet, modified = emptySet }: Difference): FieldSet {
  return union(added, modified);
}

/** The entry without the fields. Undefined: it owned nothing else. */
export function without(entry: ManagedEntry, fields: FieldSet): ManagedEntry | undefined {
  const left = difference(entry.fieldsV1, fields);
  if (left === entry.fieldsV1) return entry;
  return isEmpty(left) ? undefined : { ...entry, fieldsV1: left };
}

function withChanges(
  entries: readonly ManagedEntry[],
  found: Difference | undefined,
  writer: FieldWriter,
): readonly ManagedEntry[] {
  if (found === undefined) return entries;
  const gained = gainedIn(found);
  const lost = found.removed === undefined ? gained : union(gained, found.removed);
  const left = entries.map((entry) => without(entry, lost)).filter((entry) => entry !== undefined);
  if (isEmpty(gained))
    return left.length === entries.length && left.every((entry, at) => entry === entries[at]) ? entries : left;
  const own = left.find((entry) => isEntryOf(entry, writer));
  const others = left.filter((entry) => entry !== own);
  const fields = own === undefined ? gained : union(own.fieldsV1, gained);
  return sortedEntries(cappedEntries([...others, entryOf(writer, fields)]));
}

/** The entries of a new object. */
export function entriesOfCreate(
  object: JsonObject,
  node: SchemaNode,
  part: Part,
  writer: FieldWriter,
): readonly ManagedEntry[] {
  return withChanges([], compareObjects(skeletonOf(node), object, node, part), writer);
}

/** The entries after an update. An object that has none keeps none: somebody reset them, or it is older than they are. */
export function entriesOfUpdate(
  entries: readonly ManagedEntry[],
  before: JsonObject,
  after: JsonObject,
  change: { readonly node: SchemaNode; readonly part: Part; readonly writer: FieldWriter },
): readonly ManagedEntry[] {
  if (entries.length === 0) return entries;
  return withChanges(entries, compareObjects(before, after, change.node, change.part), change.writer);
}
