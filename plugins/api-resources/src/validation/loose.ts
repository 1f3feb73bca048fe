/**
 * Safe looks at JSON that may not have the shape its type says: validators and defaults see objects before anything has
 * proved their shape. A value of the wrong type reads as absent; the schema check is what reports it.
 */

/** `value` when it is a JSON object, else an empty one. */
export function objectOf<T extends object>(value: T | null | undefined): Partial<T> {
  return isObject(value) ? value : {};
}

/** `value` when it is an array, else an empty one. */
export function itemsOf<T>(value: readonly T[] | null | undefined): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [];
}

/** `value` when it is a string, else ''. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** `value` when it is a number. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/**
 * The text of a string or a number, else ''. In place of `String()`, which throws on an object whose `toString` is a field of
 * the user's.
 */
export function shownText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The own field of an object, whatever its type. */
export function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Entries of a JSON object whose values are strings. */
export function textEntries(value: unknown): [string, string][] {
  if (!isObject(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}

/** The items of `value` that are objects, with their index. For defaults, which change them in place. */
export function objectItems<T extends object>(value: readonly T[] | null | undefined): T[] {
  return itemsOf(value).filter((item): item is T => isObject(item));
}
