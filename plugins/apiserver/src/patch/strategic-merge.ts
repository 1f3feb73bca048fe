/**
 * Strategic merge patch: as merge patch, but lists whose schema says `x-kubernetes-patch-strategy: merge` are merged item
 * by item (by `x-kubernetes-patch-merge-key`, or as sets), steered by `$patch`, `$deleteFromPrimitiveList/…`,
 * `$setElementOrder/…` and `$retainKeys`.
 */
import { canonicalJson } from '../json/canonical-json.ts';
import { copyJson, isJsonObject, own, setOwn, type JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import { badRequest } from '../registry/api-errors.ts';
import { inOrder } from './list-order.ts';

const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

function isDirective(key: string): boolean {
  return key === '$patch' || key === '$retainKeys' || key.startsWith(deletePrefix) || key.startsWith(orderPrefix);
}

/** A patch value that is put in place of nothing: without its directives. */
function stripped(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !(isJsonObject(item) && item['$patch'] === 'delete')).map(stripped);
  }
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (!isDirective(key) && member !== null) setOwn(result, key, stripped(member));
  }
  return result;
}

function listOf(patch: JsonObject, key: string): unknown[] {
  const list = own(patch, key);
  if (!Array.isArray(list)) throw badRequest(`${key} of a strategic merge patch must be an array`);
  return list;
}

function retainKeys(target: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, '$retainKeys')) return;
  const retained = new Set(listOf(patch, '$retainKeys'));
  for (const key of Object.keys(target)) if (!retained.has(key)) delete target[key];
}

/** Changes `target` in place and returns the result. @throws ApiError BadRequest for a malformed patch. */
export function strategicMerge(target: JsonObject, patch: JsonObject, node: SchemaNode | undefined): JsonObject {
  const directive = own(patch, '$patch');
  if (directive === 'replace') return stripped(patch) as JsonObject;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest(`Unknown patch type: ${JSON.stringify(directive)}`);
  }
  retainKeys(target, patch);
  const original = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (isDirective(key)) continue;
    if (value === null) delete target[key];
    else setOwn(target, key, mergeMember(own(target, key), value, node?.member(key)));
  }
  applyListDirectives(target, original, patch, node);
  return target;
}

function mergeMember(current: unknown, value: unknown, node: SchemaNode | undefined): unknown {
  if (isJsonObject(value)) {
    if (node?.patchStrategy === 'replace') return stripped(value);
    return strategicMerge(isJsonObject(current) ? current : {}, value, node);
  }
  if (!Array.isArray(value)) return copyJson(value);
  const merges = node !== undefined && node.patchStrategy.split(',').includes('merge');
  if (!merges || !Array.isArray(current)) return stripped(copyJson(value));
  const mergeKey = node.patchMergeKey;
  return mergeKey === undefined ? mergeSet(current, value) : mergeByKey(current, value, mergeKey, node.element());
}

function mergeSet(current: unknown[], patch: unknown[]): unknown[] {
  const result = [...current];
  const present = new Set(current.map(canonicalJson));
  for (const item of patch) {
    const text = canonicalJson(item);
    if (!present.has(text)) result.push(copyJson(item));
    present.add(text);
  }
  return inOrder(result, patch, current, undefined);
}

function keyOf(item: unknown, mergeKey: string): unknown {
  if (!isJsonObject(item)) throw badRequest(`list items of a strategic merge patch must be objects with "${mergeKey}"`);
  return own(item, mergeKey);
}

/** A list whose items are found by their merge key, so that a patch of many items takes one pass. */
class KeyedList {
  readonly #items: { readonly item: unknown }[];
  readonly #byKey = new Map<unknown, { item: unknown }[]>();
  readonly #removed = new Set<object>();

  constructor(items: readonly unknown[], mergeKey: string) {
    this.#items = items.map((item) => ({ item }));
    for (const place of this.#items) if (isJsonObject(place.item)) this.#index(own(place.item, mergeKey), place);
  }

  #index(key: unknown, place: { item: unknown }): void {
    const places = this.#byKey.get(key);
    if (places === undefined) this.#byKey.set(key, [place]);
    else places.push(place);
  }

  remove(key: unknown): void {
    for (const place of this.#byKey.get(key) ?? []) this.#removed.add(place);
    this.#byKey.delete(key);
  }

  /** `change` gets the first item of the key, or a new one. */
  update(key: unknown, change: (item: JsonObject) => JsonObject): void {
    const place = this.#byKey.get(key)?.[0];
    if (place !== undefined) {
      place.item = change(place.item as JsonObject);
      return;
    }
    const made = { item: change({}) };
    this.#items.push(made);
    this.#index(key, made);
  }

  toList(): unknown[] {
    return this.#items.filter((place) => !this.#removed.has(place)).map(({ item }) => item);
  }
}

function mergeByKey(current: unknown[], patch: unknown[], mergeKey: string, element: SchemaNode): unknown[] {
  if (patch.some((item) => isJsonObject(item) && item['$patch'] === 'replace')) {
    return patch
      .filter((item) => !(isJsonObject(item) && item['$patch'] === 'replace' && Object.keys(item).length === 1))
      .map(stripped);
  }
  const merged = new KeyedList(current, mergeKey);
  for (const item of patch) {
    const key = keyOf(item, mergeKey);
    if (key === undefined) {
      throw badRequest(`map: ${JSON.stringify(item).slice(0, 200)} does not contain declared merge key: ${mergeKey}`);
    }
    const change = item as JsonObject;
    if (change['$patch'] === 'delete') merged.remove(key);
    else merged.update(key, (found) => strategicMerge(found, change, element));
  }
  const listed = patch.filter((item) => !isJsonObject(item) || item['$patch'] !== 'delete');
  return inOrder(merged.toList(), listed, current, mergeKey);
}

function applyListDirectives(
  target: JsonObject,
  original: JsonObject,
  patch: JsonObject,
  node: SchemaNode | undefined,
): void {
  for (const directive of Object.keys(patch)) {
    if (directive.startsWith(deletePrefix)) {
      const field = directive.slice(deletePrefix.length);
      const list = own(target, field);
      const removed = new Set(listOf(patch, directive).map(canonicalJson));
      if (Array.isArray(list)) {
        setOwn(
          target,
          field,
          list.filter((item) => !removed.has(canonicalJson(item))),
        );
      }
    }
  }
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith(orderPrefix)) continue;
    const field = directive.slice(orderPrefix.length);
    const list = own(target, field);
    const before = own(original, field);
    const order = listOf(patch, directive);
    if (!Array.isArray(list)) continue;
    setOwn(
      target,
      field,
      inOrder(list, order, Array.isArray(before) ? before : [], node?.member(field)?.patchMergeKey),
    );
  }
}
