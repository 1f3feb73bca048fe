/** Takes fields out of a value by its schema. */
import { isJsonObject, setOwn, type JsonObject } from '../../json/plain-json.ts';
import type { SchemaNode } from '../../kinds/schema-node.ts';
import {
  emptySet,
  isEmpty,
  isMember,
  selfMark,
  type FieldSet,
  type GrowingSet,
} from '../../managed-fields/field-set.ts';
import { fieldElement } from '../../managed-fields/path-element.ts';
import { isNamedField, itemElements, memberNode, nodeAt, shapeOf } from '../../managed-fields/shape.ts';

/**
 * The value without the fields. What becomes empty by it goes too (undefined), unless it is `owned` as it is. Both sets say what
 * lies below the value.
 */
export function removeFields(value: unknown, fields: FieldSet, node: SchemaNode, owned: FieldSet = emptySet): unknown {
  if (isEmpty(fields)) return value;
  const shape = shapeOf(node, value);
  if (shape === 'map') return removeMembers(value as JsonObject, fields, node, owned);
  if (shape === 'list') return removeItems(value as unknown[], fields, node, owned);
  return value;
}

function removeMembers(
  object: JsonObject,
  fields: FieldSet,
  node: SchemaNode,
  owned: FieldSet,
): JsonObject | undefined {
  const result: JsonObject = {};
  let removed = false;
  for (const name of Object.keys(object)) {
    const element = fieldElement(name);
    const left = leftOf(object[name], fields[element], memberNode(node, name), owned[element]);
    if (left === undefined) removed = true;
    else setOwn(result, name, left);
  }
  return removed && Object.keys(result).length === 0 ? undefined : result;
}

function leftOf(value: unknown, below: FieldSet | undefined, node: SchemaNode, owned: FieldSet | undefined): unknown {
  if (below === undefined) return value;
  if (isMember(below)) return undefined;
  const left = removeFields(value, below, node, owned);
  const stays = left === undefined && owned !== undefined && isMember(owned) && isJsonObject(value);
  return stays ? {} : left;
}

function removeItems(
  list: readonly unknown[],
  fields: FieldSet,
  node: SchemaNode,
  owned: FieldSet,
): unknown[] | undefined {
  const elements = itemElements(list, node);
  if (elements === undefined) return [...list];
  const left = list
    .map((item, index) => {
      const element = elements[index] ?? '';
      return leftOf(item, fields[element], node.element(), owned[element]);
    })
    .filter((item) => item !== undefined);
  return left.length === 0 && list.length > 0 ? undefined : left;
}

/**
 * The set with every named field on the way to a member as a member itself. Keys of maps and items of lists are none: somebody
 * else may want them without owning anything in them.
 */
export function withNamedFields(set: FieldSet, node: SchemaNode): FieldSet {
  const result: GrowingSet = {};
  for (const element of Object.keys(set)) {
    const below = set[element] ?? emptySet;
    if (element === selfMark) {
      result[selfMark] = emptySet;
      continue;
    }
    if (isEmpty(below)) {
      result[element] = emptySet;
      continue;
    }
    const named = element.startsWith('f:') && isNamedField(node, element.slice(2));
    const inner = withNamedFields(below, nodeAt(node, element));
    result[element] = named ? { [selfMark]: emptySet, ...inner } : inner;
  }
  return result;
}
