/**
 * Objects made alike are owned alike: equal sets of fields are one frozen object, with its JSON kept, so that thousands of pods of
 * one template share theirs. What has not been used for long falls out of the table, and is only no longer shared.
 */
import { deepFreeze } from '../json/plain-json.ts';
import type { FieldSet } from './field-set.ts';

const tableLimit = 1000;
const textLimit = 16 * 1024;
const table = new Map<string, FieldSet>();
const texts = new WeakMap<FieldSet, string>();

/** The same set, shared. */
export function shared(set: FieldSet): FieldSet {
  if (texts.has(set)) return set;
  const text = JSON.stringify(set);
  return table.get(text) ?? keep(text, set);
}

/** The shared set of a JSON text. */
export function sharedByText(text: string): FieldSet {
  return table.get(text) ?? keep(text, JSON.parse(text) as FieldSet);
}

function keep(text: string, set: FieldSet): FieldSet {
  if (text.length > textLimit) return set;
  deepFreeze(set);
  texts.set(set, text);
  table.set(text, set);
  if (table.size > tableLimit) {
    const [oldest = ''] = table.keys();
    table.delete(oldest);
  }
  return set;
}

export function jsonOf(set: FieldSet): string {
  return texts.get(set) ?? JSON.stringify(set);
}
