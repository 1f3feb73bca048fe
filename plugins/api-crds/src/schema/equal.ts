/** Equality of JSON, and texts that are the same for equal values. */
import { isJson, type Json } from './json.ts';

export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equalJson(item, b[index]));
  }
  if (!isJson(a) || !isJson(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equalJson(a[name], b[name]))
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJson(value)) return value;
  return Object.keys(value)
    .toSorted()
    .map((name) => [name, sorted(value[name])]);
}

export function canonical(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(sorted(value)) : JSON.stringify(value);
}

/** The key of an item of a list with keys. Undefined: it is no object. */
export function keyOf(item: unknown, keys: readonly string[], defaults: (key: string) => unknown): Json | undefined {
  if (!isJson(item)) return undefined;
  const found: Json = {};
  for (const key of keys) {
    const value = Object.hasOwn(item, key) ? item[key] : defaults(key);
    if (value !== undefined) found[key] = value;
  }
  return found;
}
