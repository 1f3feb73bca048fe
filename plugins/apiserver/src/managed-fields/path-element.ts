/** The elements of field paths: their text in FieldsV1, and how messages write a path. */
import { isJsonObject, own, type JsonObject } from '../json/plain-json.ts';
import { canonicalJson } from '../json/canonical-json.ts';

export function fieldElement(name: string): string {
  return `f:${name}`;
}

export function valueElement(value: unknown): string {
  return `v:${canonicalJson(value)}`;
}

/** `keys` sorted. */
export function keyElement(keys: readonly string[], values: readonly unknown[]): string {
  const parts = keys.map((key, index) => `${JSON.stringify(key)}:${canonicalJson(values[index])}`);
  return `k:{${parts.join(',')}}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The one spelling of an element that a client wrote. Undefined: it is none. */
export function canonicalElement(element: string): string | undefined {
  const text = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return element;
    case 'i:':
      return /^(0|[1-9]\d{0,8})$/.test(text) ? element : undefined;
    case 'v:': {
      const value = jsonOf(text);
      return value === undefined ? undefined : valueElement(value);
    }
    case 'k:': {
      const item = jsonOf(text);
      if (!isJsonObject(item) || Object.keys(item).length === 0) return undefined;
      const keys = Object.keys(item).sort();
      return keyElement(
        keys,
        keys.map((key) => own(item, key)),
      );
    }
    default:
      return undefined;
  }
}

function formatElement(element: string): string {
  const text = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return `.${text}`;
    case 'k:': {
      const item = (jsonOf(text) ?? {}) as JsonObject;
      return `[${Object.keys(item)
        .map((key) => `${key}=${JSON.stringify(own(item, key))}`)
        .join(',')}]`;
    }
    case 'v:':
      return `[=${text}]`;
    default:
      return `[${text}]`;
  }
}

/** `.spec.template.spec.containers[name="web"].image` */
export function formatPath(path: readonly string[]): string {
  return path.map(formatElement).join('');
}
