/**
 * Strategic merge patch: as merge patch, but lists whose schema says `x-kubernetes-patch-strategy: merge` are merged item
 * by item (by `x-kubernetes-patch-merge-key`, or as sets), steered by `$patch`, `$deleteFromPrimitiveList/…`,
 * `$setElementOrder/…` and `$retainKeys`.
 */
import { copyJson, equalJson, isJsonObject, own, setOwn, type JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import { badRequest } from '../registry/api-errors.ts';

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
  for (const [key, value] of Object.entries(patch)) {
    if (isDirective(key)) continue;
    if (value === null) delete target[key];
    else setOwn(target, key, mergeMember(own(target, key), value, node?.member(key)));
  }
  applyListDirectives(target, patch, node);
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
  for (const item of patch) if (!result.some((other) => equalJson(other, item))) result.push(copyJson(item));
  return result;
}

function keyOf(item: unknown, mergeKey: string): unknown {
  if (!isJsonObject(item)) throw badRequest(`list items of a strategic merge patch must be objects with "${mergeKey}"`);
  return own(item, mergeKey);
}

function mergeByKey(current: unknown[], patch: unknown[], mergeKey: string, element: SchemaNode): unknown[] {
  if (patch.some((item) => isJsonObject(item) && item['$patch'] === 'replace')) {
    return patch
      .filter((item) => !(isJsonObject(item) && item['$patch'] === 'replace' && Object.keys(item).length === 1))
      .map(stripped);
  }
  let result = [...current];
  for (const item of patch) {
    const key = keyOf(item, mergeKey);
    if (key === undefined) {
      throw badRequest(`map: ${JSON.stringify(item).slice(0, 200)} does not contain declared merge key: ${mergeKey}`);
    }
    const change = item as JsonObject;
    if (change['$patch'] === 'delete') {
      result = result.filter((other) => !isJsonObject(other) || own(other, mergeKey) !== key);
      continue;
    }
    const index = result.findIndex((other) => isJsonObject(other) && own(other, mergeKey) === key);
    const found = result[index];
    if (isJsonObject(found)) result[index] = strategicMerge(found, change, element);
    else result.push(strategicMerge({}, change, element));
  }
  return result;
}

function applyListDirectives(target: JsonObject, patch: JsonObject, node: SchemaNode | undefined): void {
  for (const directive of Object.keys(patch)) {
    if (directive.startsWith(deletePrefix)) {
      const field = directive.slice(deletePrefix.length);
      const list = own(target, field);
      const removed = listOf(patch, directive);
      if (Array.isArray(list)) {
        setOwn(
          target,
          field,
          list.filter((item) => !removed.some((other) => equalJson(other, item))),
        );
      }
    }
  }
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith(orderPrefix)) continue;
    const field = directive.slice(orderPrefix.length);
    const list = own(target, field);
    if (Array.isArray(list)) {
      setOwn(target, field, ordered(list, listOf(patch, directive), node?.member(field)?.patchMergeKey));
    }
  }
}

/** Listed items in the order of the list; the others stay behind the item they followed. */
function ordered(list: readonly unknown[], order: readonly unknown[], mergeKey: string | undefined): unknown[] {
  const idOf = (item: unknown): string => {
    const id = mergeKey !== undefined && isJsonObject(item) ? own(item, mergeKey) : item;
    return JSON.stringify(id) ?? '';
  };
  const places = new Map(order.map((item, index) => [idOf(item), index]));
  const listed = list
    .filter((item) => places.has(idOf(item)))
    .sort((a, b) => (places.get(idOf(a)) ?? 0) - (places.get(idOf(b)) ?? 0));
  const result: unknown[] = [];
  let next = 0;
  for (const item of list) {
    if (places.has(idOf(item))) {
      result.push(listed[next]);
      next += 1;
    } else result.push(item);
  }
  return result;
}
