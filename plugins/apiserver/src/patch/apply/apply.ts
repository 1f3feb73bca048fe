/**
 * Server-side apply (KEP-555): merges what an applier sends into the object, takes out what it no longer sends, and keeps the
 * account of who owns which field. Nothing here knows of requests or of the store.
 */
import type { JsonObject } from '../../json/plain-json.ts';
import type { SchemaNode } from '../../kinds/schema-node.ts';
import {
  entryOf,
  isEntryOf,
  sortedEntries,
  type FieldWriter,
  type ManagedEntry,
} from '../../managed-fields/entries.ts';
import { gainedIn } from '../../managed-fields/compare.ts';
import { emptySet, intersection, isEmpty, sameSet, union, type FieldSet } from '../../managed-fields/field-set.ts';
import { fieldsOf } from '../../managed-fields/field-tree.ts';
import { compareObjects, ownable, type Part } from '../../managed-fields/object-fields.ts';
import { entriesOfCreate, remaining } from '../../managed-fields/update-managers.ts';
import type { Conflict } from './conflicts.ts';
import { mergeTyped } from './merge-typed.ts';
import { prune } from './prune.ts';

export interface ApplyInput {
  /** Undefined: there is no object yet. */
  readonly live: JsonObject | undefined;
  readonly entries: readonly ManagedEntry[];
  readonly config: JsonObject;
  readonly node: SchemaNode;
  readonly part: Part;
  readonly writer: FieldWriter;
}

export interface Applied {
  /** Shares parts with `live` and `config`. Its managedFields are not set. */
  readonly object: JsonObject;
  readonly entries: readonly ManagedEntry[];
  /** Fields of others that the apply changes. Without force it must not be written when there are any. */
  readonly conflicts: readonly Conflict[];
}

/** What is there already belongs to nobody that could be asked: one entry stands for all. */
const beforeFirstApply = 'before-first-apply';

function entriesBefore({ live, entries, node, part, writer }: ApplyInput): readonly ManagedEntry[] {
  if (live === undefined || entries.length > 0) return entries;
  return entriesOfCreate(live, node, part, { ...writer, operation: 'Update', manager: beforeFirstApply });
}

export function apply(input: ApplyInput): Applied {
  const { live = {}, config, node, part, writer } = input;
  const entries = entriesBefore(input);
  const last = entries.find((entry) => isEntryOf(entry, writer));
  const others = entries.filter((entry) => entry !== last);
  const sent = fieldsOf(config, node);
  const merged = mergeTyped(live, config, node) as JsonObject;
  const owned = others.reduce<FieldSet>((set, { fieldsV1 }) => union(set, fieldsV1), sent);
  const object = last === undefined ? merged : prune({ merged, last: last.fieldsV1, owned, node });
  const found = compareObjects(live, object, node, part) ?? {};
  const gained = gainedIn(found);
  const conflicts = others
    .map((owner) => ({ owner, fields: intersection(owner.fieldsV1, gained) }))
    .filter(({ fields }) => !isEmpty(fields));
  const lost = union(gained, found.removed ?? emptySet);
  const left = remaining(others, lost);
  const fields = ownable(sent);
  // Who owns nothing and changes nothing leaves no trace, not even of what was there before.
  if (input.entries.length === 0 && isEmpty(fields) && isEmpty(lost)) return { object, entries: [], conflicts };
  const unchanged = isEmpty(lost) && last?.apiVersion === writer.apiVersion && sameSet(last.fieldsV1, fields);
  const own = unchanged ? last : entryOf(writer, fields);
  return { object, entries: sortedEntries(isEmpty(fields) || own === undefined ? left : [...left, own]), conflicts };
}
