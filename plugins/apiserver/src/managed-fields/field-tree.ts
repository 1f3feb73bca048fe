/** The fields of a value by its schema. */
import type { JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import { emptySet, isEmpty, selfMark, type FieldSet, type GrowingSet } from './field-set.ts';
import { fieldElement } from './path-element.ts';
import { isNamedField, itemElements, memberNode, shapeOf } from './shape.ts';

/**
 * Which containers are members themselves. `all`: every one, as in the difference of two objects. `nameless`: items of lists and
 * keys of maps, but not the fields of a type, as in what an applier says.
 */
type Containers = 'all' | 'nameless';

/** What lies at the element of the value. Undefined: nothing to own. */
function treeOf(value: unknown, node: SchemaNode, containers: Containers): FieldSet | undefined {
  const shape = shapeOf(node, value);
  if (shape === 'leaf') return emptySet;
  if (shape === 'map') return mapTree(value as JsonObject, node, containers);
  return listTree(value as unknown[], node, containers);
}

function withSelf(node: FieldSet): FieldSet {
  return selfMark in node || isEmpty(node) ? node : { [selfMark]: emptySet, ...node };
}

function mapTree(value: JsonObject, node: SchemaNode, containers: Containers): FieldSet | undefined {
  const set: GrowingSet = containers === 'all' ? { [selfMark]: emptySet } : {};
  let count = 0;
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    count += 1;
    const tree = treeOf(member, memberNode(node, name), containers);
    if (containers === 'nameless' && !isNamedField(node, name)) set[fieldElement(name)] = withSelf(tree ?? emptySet);
    else if (tree !== undefined) set[fieldElement(name)] = tree;
  }
  if (count === 0) return emptySet;
  return isEmpty(set) ? undefined : set;
}

function listTree(list: readonly unknown[], node: SchemaNode, containers: Containers): FieldSet | undefined {
  if (list.length === 0) return containers === 'all' ? emptySet : undefined;
  const elements = itemElements(list, node);
  if (elements === undefined) return emptySet;
  const set: GrowingSet = containers === 'all' ? { [selfMark]: emptySet } : {};
  elements.forEach((element, index) => {
    // Items that come twice are owned as one, and nothing below them.
    const twice = set[element] !== undefined;
    const tree = twice ? emptySet : treeOf(list[index], node.element(), containers);
    set[element] = withSelf(tree ?? emptySet);
  });
  return set;
}

/** What an applier that sends this object says. */
export function fieldsOf(object: JsonObject, node: SchemaNode): FieldSet {
  return mapTree(object, node, 'nameless') ?? emptySet;
}

/** Everything in a value that came or went as a whole, itself included. */
export function wholeTree(value: unknown, node: SchemaNode): FieldSet {
  return treeOf(value, node, 'all') ?? emptySet;
}
