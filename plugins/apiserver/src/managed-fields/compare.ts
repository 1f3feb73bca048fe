/** What differs between two values, as sets of fields. Nothing is built as long as nothing differs. */
import { equalJson, own, type JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import { addAt, emptySet, isEmpty, selfMark, union, type FieldSet } from './field-set.ts';
import { wholeTree } from './field-tree.ts';
import { fieldElement } from './path-element.ts';
import { itemElement, itemElements, keyValue, memberNode, shapeOf } from './shape.ts';

/** What lies at the element of the compared value, of each sort; absent when nothing is of the sort. */
export interface Difference {
  added?: FieldSet;
  removed?: FieldSet;
  modified?: FieldSet;
}

/** Fields that came or changed. */
export function gainedIn({ added = emptySet, modified = emptySet }: Difference): FieldSet {
  return union(added, modified);
}

const sorts = ['added', 'removed', 'modified'] as const;

class Collector {
  found: Difference | undefined;

  take(element: string, difference: Difference | undefined): void {
    if (difference === undefined) return;
    this.found ??= {};
    for (const sort of sorts) {
      const node = difference[sort];
      if (node !== undefined) addAt((this.found[sort] ??= {}), element, node);
    }
  }
}

function belowOf(tree: FieldSet): FieldSet {
  const { [selfMark]: _self, ...below } = tree;
  return below;
}

/** One of the two is a leaf and the other is not. */
function otherForm(before: unknown, after: unknown, node: SchemaNode): Difference {
  const removed = belowOf(wholeTree(before, node));
  const added = belowOf(wholeTree(after, node));
  return {
    modified: emptySet,
    ...(isEmpty(removed) ? {} : { removed }),
    ...(isEmpty(added) ? {} : { added }),
  };
}

/** Undefined: they are equal. */
export function compareValues(before: unknown, after: unknown, node: SchemaNode): Difference | undefined {
  if (before === after) return undefined;
  if (before === undefined) return { added: wholeTree(after, node) };
  if (after === undefined) return { removed: wholeTree(before, node) };
  const shape = shapeOf(node, before);
  if (shape !== shapeOf(node, after)) return otherForm(before, after, node);
  if (shape === 'map') return compareMembers(before as JsonObject, after as JsonObject, node);
  if (shape === 'list') return compareLists(before as unknown[], after as unknown[], node);
  return equalJson(before, after) ? undefined : { modified: emptySet };
}

/** `passOver`: names of members that do not count. */
export function compareMembers(
  before: JsonObject,
  after: JsonObject,
  node: SchemaNode,
  passOver?: ReadonlySet<string>,
): Difference | undefined {
  const collector = new Collector();
  for (const name of Object.keys(after)) {
    if (passOver?.has(name) === true) continue;
    const left = own(before, name);
    const right = after[name];
    if (left !== right) collector.take(fieldElement(name), compareValues(left, right, memberNode(node, name)));
  }
  for (const name of Object.keys(before)) {
    if (passOver?.has(name) === true || own(after, name) !== undefined || before[name] === undefined) continue;
    collector.take(fieldElement(name), { removed: wholeTree(before[name], memberNode(node, name)) });
  }
  return collector.found;
}

function sameItem(before: unknown, after: unknown, node: SchemaNode): boolean {
  if (node.listType === 'set') return equalJson(before, after);
  const [left, right] = [before as JsonObject, after as JsonObject];
  return node.listMapKeys.every((key) => keyValue(left, key, node) === keyValue(right, key, node));
}

/** Both lists have the same items in the same places. */
function inStep(before: readonly unknown[], after: readonly unknown[], node: SchemaNode): boolean {
  if (before.length !== after.length) return false;
  if (node.listType === 'map' && ![...before, ...after].every((item) => typeof item === 'object' && item !== null)) {
    return false;
  }
  return before.every((item, index) => sameItem(item, after[index], node));
}

function compareLists(before: readonly unknown[], after: readonly unknown[], node: SchemaNode): Difference | undefined {
  if (inStep(before, after, node)) {
    if (node.listType === 'set') return undefined;
    const collector = new Collector();
    before.forEach((item, index) => {
      const difference = compareValues(item, after[index], node.element());
      if (difference === undefined) return;
      const found = itemElement(item, node);
      collector.take('element' in found ? found.element : `i:${index}`, difference);
    });
    return collector.found;
  }
  const left = grouped(before, node);
  const right = grouped(after, node);
  if (left === undefined || right === undefined) {
    return equalJson(before, after) ? undefined : { modified: emptySet };
  }
  const collector = new Collector();
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    collector.take(element, compareItems(left.get(element) ?? [], right.get(element) ?? [], node.element()));
  }
  return collector.found;
}

function grouped(list: readonly unknown[], node: SchemaNode): Map<string, unknown[]> | undefined {
  const groups = new Map<string, unknown[]>();
  const elements = itemElements(list, node);
  elements?.forEach((element, index) => {
    const group = groups.get(element);
    if (group === undefined) groups.set(element, [list[index]]);
    else group.push(list[index]);
  });
  return elements === undefined ? undefined : groups;
}

/** Items of one element: mostly one at each side. Several are one value. */
function compareItems(before: readonly unknown[], after: readonly unknown[], node: SchemaNode): Difference | undefined {
  if (before.length <= 1 && after.length <= 1) return compareValues(before[0], after[0], node);
  if (before.length > 1 && after.length > 1) {
    return equalJson(before, after) ? undefined : { modified: emptySet };
  }
  if (after.length > 1) {
    const removed = before.length === 0 ? {} : belowOf(wholeTree(before[0], node));
    return { added: emptySet, ...(isEmpty(removed) ? {} : { removed }) };
  }
  const added = after.length === 0 ? {} : belowOf(wholeTree(after[0], node));
  return { removed: emptySet, ...(isEmpty(added) ? {} : { added }) };
}
