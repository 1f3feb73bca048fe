/** Steps of defaulting. All change objects in place and leave alone what has the wrong shape: the schema check reports it. */
import { canonicalQuantity } from './quantity/canonical.ts';
import { isObject } from './validation/loose.ts';

export type Json = Record<string, unknown>;

const absent = (value: unknown): boolean => value === undefined || value === null;

/** The object in a field; undefined when there is none. */
export function child(object: unknown, name: string): Json | undefined {
  if (!isObject(object) || !Object.hasOwn(object, name)) return undefined;
  const value = object[name];
  return isObject(value) ? value : undefined;
}

/** The same, made when it is absent. */
export function made(object: unknown, name: string): Json | undefined {
  if (!isObject(object)) return undefined;
  if (!Object.hasOwn(object, name) || absent(object[name])) object[name] = {};
  return child(object, name);
}

/** The objects in a list. */
export function items(object: unknown, name: string): Json[] {
  const list = isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined;
  return Array.isArray(list) ? list.filter(isObject) : [];
}

/** Fills fields that are absent; a text also when it is empty. */
export function fill(object: Json | undefined, values: Readonly<Json>): void {
  if (object === undefined) return;
  for (const [name, value] of Object.entries(values)) {
    const present = Object.hasOwn(object, name) ? object[name] : undefined;
    if (absent(present) || (present === '' && typeof value === 'string')) object[name] = structuredClone(value);
  }
}

/** Writes the quantities in fields in their canonical form. */
export function canonicalFields(object: Json | undefined, ...names: string[]): void {
  if (object === undefined) return;
  for (const name of names) {
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    if (typeof value === 'string' || typeof value === 'number') object[name] = canonicalQuantity(value) ?? value;
  }
}
