/** How a value falls apart into fields, by its schema: leaves, maps, and lists whose items have names of their own. */
import { isJsonObject, own, type JsonObject } from '../json/plain-json.ts';
import { SchemaNode } from '../kinds/schema-node.ts';
import { keyElement, valueElement } from './path-element.ts';

export type Shape = 'leaf' | 'map' | 'list';

/** Of values without a schema: maps fall apart, lists do not. */
export const anything: SchemaNode = new SchemaNode({}, {});

/** Defaults of list keys that the schemas of the built-in kinds do not carry. */
const keyDefaults: Readonly<Record<string, string>> = { protocol: 'TCP' };

export function shapeOf(node: SchemaNode, value: unknown): Shape {
  if (typeof value !== 'object' || value === null) return 'leaf';
  if (Array.isArray(value)) return node.type === 'array' && node.listType !== 'atomic' ? 'list' : 'leaf';
  if (node.atomicMap) return 'leaf';
  return node.type === 'object' || node.type === 'map' || node.type === 'any' ? 'map' : 'leaf';
}

/** Whether `name` is a field of the type, not a key of a map. */
export function isNamedField(node: SchemaNode, name: string): boolean {
  return node.type === 'object' && node.member(name) !== undefined;
}

export function memberNode(node: SchemaNode, name: string): SchemaNode {
  return node.member(name) ?? anything;
}

/** What lies behind an element of a path. */
export function nodeAt(node: SchemaNode, element: string): SchemaNode {
  if (element.startsWith('f:')) return memberNode(node, element.slice(2));
  return node.type === 'array' ? node.element() : anything;
}

/** The value of a list key: the field, or what an absent one stands for. */
export function keyValue(item: JsonObject, key: string, node: SchemaNode): unknown {
  return own(item, key) ?? node.element().member(key)?.default ?? own(keyDefaults, key);
}

/** The element of an item, or what it lacks. */
export function itemElement(
  item: unknown,
  node: SchemaNode,
): { readonly element: string } | { readonly lacks: string } {
  if (node.listType === 'set') return { element: valueElement(item) };
  if (!isJsonObject(item)) return { lacks: 'associative list with keys may not have non-map elements' };
  const values: unknown[] = [];
  for (const key of node.listMapKeys) {
    const value = keyValue(item, key, node);
    if (value === undefined || value === null) {
      const why = `associative list with keys has an element that omits key field "${key}" (and doesn't have default value)`;
      return { lacks: why };
    }
    values.push(value);
  }
  return { element: keyElement(node.listMapKeys, values) };
}

/** The elements of all items. Undefined: one has none, so that the list counts as one value. */
export function itemElements(list: readonly unknown[], node: SchemaNode): string[] | undefined {
  const elements: string[] = [];
  for (const item of list) {
    const found = itemElement(item, node);
    if ('lacks' in found) return undefined;
    elements.push(found.element);
  }
  return elements;
}
