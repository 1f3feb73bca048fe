/**
 * Objects made alike are owned alike: equal sets of fields are one frozen object, with its JSON kept, so that thousands of pods of
 * one template share theirs. What came first falls out of a full table, and is only no longer shared.
 */
import { deepFreeze } from '../json/plain-json.ts';
import { isEmpty, union, type FieldSet } from './field-set.ts';

const tableLimit = 1000;
const textLimit = 16 * 1024;
const unionsLimit = 16;
const unionTextLimit = 2048;
const table = new Map<string, FieldSet>();
const texts = new WeakMap<FieldSet, string>();
/** What became of a set when something was added to it, by the text of that. */
const unions = new WeakMap<FieldSet, Map<string, FieldSet>>();

/** The same set, shared. */
export function shared(set: FieldSet): FieldSet {
  if (texts.has(set)) return set;
  const text = JSON.stringify(set);
  const present = table.get(text);
  if (present !== undefined) return present;
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

/** The union, shared. Most writers add the same little to the same much. */
export function sharedUnion(much: FieldSet, little: FieldSet): FieldSet {
  if (isEmpty(much) || !texts.has(much)) return shared(union(much, little));
  let made = unions.get(much);
  if (made === undefined) {
    made = new Map();
    unions.set(much, made);
  }
  const text = JSON.stringify(little);
  let result = made.get(text);
  if (result === undefined) {
    result = shared(union(much, little));
    if (made.size < unionsLimit && text.length < unionTextLimit) made.set(text, result);
  }
  return result;
}

export function jsonOf(set: FieldSet): string {
  return texts.get(set) ?? JSON.stringify(set);
}
