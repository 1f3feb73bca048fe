/** Who owns the fields of an object that is being written. */
import type { KubeObject } from '@timonel/sdk/kube';
import { copyJson, equalJson, type JsonObject } from '../json/plain-json.ts';
import {
  entriesToBeginWith,
  sameButTimes,
  storedEntries,
  type FieldWriter,
  type ManagedEntry,
} from '../managed-fields/entries.ts';
import type { Part } from '../managed-fields/object-fields.ts';
import { entriesOfCreate, entriesOfUpdate } from '../managed-fields/update-managers.ts';
import type { Target } from './request.ts';

/** What a write to the object or to one of its subresources is about: nobody comes to own what it cannot change. */
export function partOf({ kind }: Pick<Target, 'kind'>, subresource: string): Part {
  if (subresource === 'status') return 'status';
  return kind.definition.status && (subresource === '' || subresource === 'scale') ? 'main' : 'whole';
}

function updaterOf({ kind, manager }: Target, subresource: string, time: string): FieldWriter {
  return { manager, operation: 'Update', apiVersion: kind.apiVersion, subresource, time };
}

/** A private copy, but for managedFields, which are replaced as a whole and never changed in place. */
export function copyObject(object: KubeObject): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  const copy: KubeObject = copyJson({ ...object, metadata });
  if (managedFields !== undefined) copy.metadata.managedFields = managedFields;
  return copy;
}

export function setEntries(object: KubeObject, entries: readonly ManagedEntry[]): void {
  if (entries.length === 0) delete object.metadata.managedFields;
  // Nobody changes them: they are shared with the objects before and after.
  else object.metadata.managedFields = entries as ManagedEntry[];
}

export function entriesOfNew(target: Target, object: KubeObject): readonly ManagedEntry[] {
  const writer = updaterOf(target, '', object.metadata.creationTimestamp ?? '');
  return entriesOfCreate(object as unknown as JsonObject, target.kind.schema, partOf(target, ''), writer);
}

export interface OwnershipChange {
  readonly target: Target;
  readonly subresource: string;
  /** managedFields as the writer sent them. */
  readonly sent: unknown;
  readonly before: KubeObject;
  readonly after: KubeObject;
  readonly time: string;
}

export function entriesOfChanged({
  target,
  subresource,
  sent,
  before,
  after,
  time,
}: OwnershipChange): readonly ManagedEntry[] {
  const stored = before.metadata.managedFields;
  // Subresources do not take entries from the writer.
  const entries = entriesToBeginWith(subresource === '' ? sent : undefined, stored);
  return entriesOfUpdate(entries, before as unknown as JsonObject, after as unknown as JsonObject, {
    node: target.kind.schema,
    part: partOf(target, subresource),
    writer: updaterOf(target, subresource, time),
  });
}

/** Whether a write changes nothing. New times of entries alone are no change: `object` gets the old ones back. */
export function isUnchanged(object: KubeObject, old: KubeObject): boolean {
  const entries = object.metadata.managedFields;
  const before = old.metadata.managedFields;
  if (entries !== before) {
    if (!sameButTimes(storedEntries(entries), storedEntries(before))) return false;
    setEntries(object, storedEntries(before));
  }
  if (equalJson(object, old)) return true;
  setEntries(object, storedEntries(entries));
  return false;
}
