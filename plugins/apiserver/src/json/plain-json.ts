/** Plain JSON values: copying, freezing, comparing. Safe for keys such as `__proto__`, which stay ordinary own properties. */
export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own property or undefined: never reaches the prototype. */
export function own(object: Readonly<JsonObject>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets an own property, also for `__proto__`, where an assignment would change the prototype. */
export function setOwn(object: JsonObject, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

/** A private copy. Members that JSON does not know (undefined, functions) are left out. */
export function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => copyJson(item)) as T;
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) {
    const member = (value as JsonObject)[key];
    if (member === undefined || typeof member === 'function') continue;
    setOwn(copy, key, typeof member === 'object' ? copyJson(member) : member);
  }
  return copy as T;
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const key of Object.keys(value)) {
    const member = (value as JsonObject)[key];
    if (typeof member === 'object') deepFreeze(member);
  }
  return Object.freeze(value);
}

/** Equality as JSON has it: the order of members does not matter, absent equals undefined. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a)) {
    const other = b as unknown[];
    return a.length === other.length && a.every((item, index) => equalJson(item, other[index]));
  }
  const left = a as JsonObject;
  const right = b as JsonObject;
  let members = 0;
  for (const key of Object.keys(left)) {
    const value = left[key];
    if (value === undefined) continue;
    if (!Object.hasOwn(right, key) || !equalJson(value, right[key])) return false;
    members += 1;
  }
  for (const key of Object.keys(right)) if (right[key] !== undefined) members -= 1;
  return members === 0;
}

/** The value at a dotted path (`.spec.replicas`), undefined where the path ends early. */
export function valueAtPath(object: unknown, path: string): unknown {
  let value: unknown = object;
  for (const part of path.split('.')) {
    if (part === '') continue;
    if (!isJsonObject(value)) return undefined;
    value = own(value, part);
  }
  return value;
}

/** Sets the value at a dotted path and makes the objects on the way. */
export function setAtPath(object: JsonObject, path: string, value: unknown): void {
  const parts = path.split('.').filter((part) => part !== '');
  const last = parts.pop();
  if (last === undefined) return;
  let target = object;
  for (const part of parts) {
    const next = own(target, part);
    if (isJsonObject(next)) {
      target = next;
    } else {
      const made: JsonObject = {};
      setOwn(target, part, made);
      target = made;
    }
  }
  setOwn(target, last, value);
}

/** Whether there is a null anywhere in the value. */
export function hasNull(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === null;
  return Object.values(value).some(hasNull);
}

/** Whether arrays and objects are nested deeper than `limit`. Recursion over the value is safe when this is false. */
export function nestedDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      for (const member of Object.values(item)) if (typeof member === 'object' && member !== null) next.push(member);
    }
    level = next;
  }
  return false;
}
