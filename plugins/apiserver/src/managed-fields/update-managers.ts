/** What a write other than an apply does to the entries: the writer takes what it changes, and others lose it. */
import type { JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import { gainedIn, type Difference } from './compare.ts';
import { createdFields } from './created-fields.ts';
import { entryOf, isEntryOf, sortedEntries, type FieldWriter, type ManagedEntry } from './entries.ts';
import { difference, emptySet, isEmpty, union, type FieldSet } from './field-set.ts';
import { compareObjects, type Part } from './object-fields.ts';
import { cappedEntries } from './cap.ts';
import { shared, sharedUnion } from './shared-sets.ts';

/** The entry without the fields. Undefined: it owned nothing else. */
function without(entry: ManagedEntry, fields: FieldSet): ManagedEntry | undefined {
  const left = difference(entry.fieldsV1, fields);
  if (left === entry.fieldsV1) return entry;
  return isEmpty(left) ? undefined : { ...entry, fieldsV1: shared(left) };
}

/** What the fields leave of each entry. */
export function remaining(entries: readonly ManagedEntry[], lost: FieldSet): ManagedEntry[] {
  return entries.map((entry) => without(entry, lost)).filter((entry) => entry !== undefined);
}

function withChanges(
  entries: readonly ManagedEntry[],
  found: Difference | undefined,
  writer: FieldWriter,
): readonly ManagedEntry[] {
  if (found === undefined) return entries;
  const gained = gainedIn(found);
  const lost = found.removed === undefined ? gained : union(gained, found.removed);
  if (isEmpty(gained)) {
    const left = remaining(entries, lost);
    return left.length === entries.length && left.every((entry, at) => entry === entries[at]) ? entries : left;
  }
  const own = entries.find((entry) => isEntryOf(entry, writer));
  const others = remaining(
    entries.filter((entry) => entry !== own),
    lost,
  );
  const kept = own === undefined ? emptySet : difference(own.fieldsV1, found.removed ?? emptySet);
  return sortedEntries(cappedEntries([...others, entryOf(writer, sharedUnion(kept, gained))]));
}

/** The entries of a new object. */
export function entriesOfCreate(
  object: JsonObject,
  node: SchemaNode,
  part: Part,
  writer: FieldWriter,
): readonly ManagedEntry[] {
  const fields = createdFields(object, node, part);
  return isEmpty(fields) ? [] : [entryOf(writer, fields)];
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
