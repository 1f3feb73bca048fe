/** The entries of metadata.managedFields: who owns which fields. */
import type { ManagedFieldsEntry } from '@timonel/sdk/kube';
import { equalJson, isJsonObject } from '../json/plain-json.ts';
import { emptySet, isEmpty, sameSet, type FieldSet } from './field-set.ts';
import { parseFieldsV1 } from './fields-v1.ts';
import { jsonOf, shared } from './shared-sets.ts';

/** An entry as the server writes it. */
export interface ManagedEntry extends Readonly<ManagedFieldsEntry> {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: FieldSet;
}

/** Who writes, and by which door. */
export interface FieldWriter {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** RFC 3339, in whole seconds. */
  readonly time: string;
}

const managerLengthLimit = 128;

/** What tells entries apart. An applier stays the same one when it applies another version. */
function idOf({ manager, operation, apiVersion, subresource = '' }: ManagedEntry): string {
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource]);
}

function haveOneId(a: ManagedEntry, b: ManagedEntry): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    (a.subresource ?? '') === (b.subresource ?? '') &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}

export function isEntryOf(entry: ManagedEntry, writer: FieldWriter): boolean {
  return (
    entry.manager === writer.manager &&
    entry.operation === writer.operation &&
    (entry.subresource ?? '') === writer.subresource &&
    (entry.operation === 'Apply' || entry.apiVersion === writer.apiVersion)
  );
}

export function entryOf(writer: FieldWriter, fields: FieldSet, time: string | undefined = writer.time): ManagedEntry {
  const { manager, operation, apiVersion, subresource } = writer;
  return {
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: shared(fields),
    ...(subresource === '' ? {} : { subresource }),
  };
}

/** The entries of an object fresh from the store share what others have too. Changes them in place. */
export function shareFields(entries: ManagedFieldsEntry[]): void {
  for (const entry of entries) entry.fieldsV1 = shared((entry.fieldsV1 ?? emptySet) as FieldSet);
}

/** JSON of a list of entries. */
export function entriesJson(entries: readonly ManagedEntry[]): string {
  const texts = entries.map(({ fieldsV1, ...rest }) => {
    const text = JSON.stringify(rest);
    return `${text.slice(0, -1)},"fieldsV1":${jsonOf(fieldsV1)}}`;
  });
  return `[${texts.join(',')}]`;
}

function parseEntry(value: unknown): ManagedEntry | undefined {
  if (!isJsonObject(value)) return undefined;
  const { manager = '', operation, apiVersion, time, fieldsType, subresource = '' } = value;
  const fields = parseFieldsV1(value['fieldsV1'] ?? {});
  if (typeof manager !== 'string' || manager.length > managerLengthLimit) return undefined;
  if (operation !== 'Apply' && operation !== 'Update') return undefined;
  if (typeof apiVersion !== 'string' || apiVersion === '' || typeof subresource !== 'string') return undefined;
  if (fieldsType !== 'FieldsV1' || fields === undefined) return undefined;
  const at = typeof time === 'string' && !Number.isNaN(Date.parse(time)) ? time : undefined;
  const entry = entryOf({ manager, operation, apiVersion, subresource, time: '' }, fields);
  const { time: _unset, ...rest } = entry;
  return at === undefined ? rest : { ...rest, time: at };
}

/** Undefined: not a list of entries. Of several with one identity the last counts. */
function parseEntries(value: unknown): ManagedEntry[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const entries = new Map<string, ManagedEntry>();
  for (const item of value) {
    const entry = parseEntry(item);
    if (entry === undefined) return undefined;
    entries.set(idOf(entry), entry);
  }
  return [...entries.values()].filter((entry) => !isEmpty(entry.fieldsV1));
}

/** The entries of an object that the server wrote. */
export function storedEntries(value: unknown): readonly ManagedEntry[] {
  return Array.isArray(value) ? (value as ManagedEntry[]) : [];
}

/** An empty list, or a list of one empty entry: the way to get rid of all entries. */
function isReset(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > 1) return false;
  return value.length === 0 || (isJsonObject(value[0]) && Object.keys(value[0]).length === 0);
}

/**
 * The entries that a write begins with: those of the stored object, unless the writer sent others. What cannot be read is passed
 * over, so that no client that knows nothing of them can lose them.
 */
export function entriesToBeginWith(sent: unknown, stored: unknown): readonly ManagedEntry[] {
  const present = storedEntries(stored);
  if (sent === stored || sent === undefined || sent === null) return present;
  if (isReset(sent)) return [];
  if (equalJson(sent, stored)) return present;
  const parsed = parseEntries(sent);
  return parsed === undefined || parsed.length === 0 ? present : parsed;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** In the order in which they are written: by operation, time, manager, version, subresource. */
export function sortedEntries(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
  return entries.toSorted(
    (a, b) =>
      compareText(a.operation, b.operation) ||
      compareText(a.time ?? '', b.time ?? '') ||
      compareText(a.manager, b.manager) ||
      compareText(a.apiVersion, b.apiVersion) ||
      compareText(a.subresource ?? '', b.subresource ?? ''),
  );
}

function sameEntry(a: ManagedEntry, b: ManagedEntry): boolean {
  return a.apiVersion === b.apiVersion && sameSet(a.fieldsV1, b.fieldsV1);
}

/** Whether nothing but times differs. */
export function sameButTimes(a: readonly ManagedEntry[], b: readonly ManagedEntry[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  const others = [...b];
  return a.every((entry) => {
    const at = others.findIndex((other) => entry === other || (haveOneId(other, entry) && sameEntry(entry, other)));
    if (at !== -1) others.splice(at, 1);
    return at !== -1;
  });
}
