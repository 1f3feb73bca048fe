/**
 * What the creator of an object owns: the same as comparing it with the skeleton of its kind, but written down as text at once,
 * by which equal sets find each other. Creates are frequent, and most of them look like others.
 */
import { isJsonObject, own, type JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import { compareObjects, isUnowned, skeletonOf, type Part } from './object-fields.ts';
import { gainedIn } from './compare.ts';
import type { FieldSet } from './field-set.ts';
import { anything, itemElement, shapeOf } from './shape.ts';
import { sharedByText } from './shared-sets.ts';

const leafText = '{}';
const selfText = '".":{}';
/** Needs no escapes in JSON, not even within a text within JSON. */
const plain = /^[\w./:@-]*$/;

/** Undefined, here and below: a list says a thing twice, or nothing of what its items are. The slow way knows what that means. */
type Text = string | undefined;

function valueText(value: unknown, node: SchemaNode): Text {
  if (typeof value !== 'object' || value === null) return leafText;
  const shape = shapeOf(node, value);
  if (shape === 'map') return mapText(value as JsonObject, node);
  return shape === 'list' ? listText(value as unknown[], node) : leafText;
}

function fieldText(name: string): string {
  return plain.test(name) ? `"f:${name}":` : `${JSON.stringify(`f:${name}`)}:`;
}

function mapText(object: JsonObject, node: SchemaNode): Text {
  let text = selfText;
  for (const name of Object.keys(object)) {
    const value = object[name];
    if (value === undefined) continue;
    const below = valueText(value, node.member(name) ?? anything);
    if (below === undefined) return undefined;
    text += `,${fieldText(name)}${below}`;
  }
  return text === selfText ? leafText : `{${text}}`;
}

function itemText(item: unknown, node: SchemaNode): Text {
  const [key, second] = node.listMapKeys;
  if (node.listType === 'map' && key !== undefined && second === undefined && isJsonObject(item)) {
    const value = own(item, key);
    if (typeof value === 'string' && plain.test(value)) return `"k:{\\"${key}\\":\\"${value}\\"}"`;
  }
  const found = itemElement(item, node);
  return 'lacks' in found ? undefined : JSON.stringify(found.element);
}

function listText(list: readonly unknown[], node: SchemaNode): Text {
  if (list.length === 0) return leafText;
  const seen = new Set<string>();
  let text = selfText;
  for (const item of list) {
    const element = itemText(item, node);
    const below = valueText(item, node.element());
    if (element === undefined || below === undefined || seen.has(element)) return undefined;
    seen.add(element);
    text += `,${element}:${below}`;
  }
  return `{${text}}`;
}

/** The members of an object, not in braces. What the skeleton has was there before, with nothing in it. */
function membersText(
  object: JsonObject,
  node: SchemaNode,
  skeleton: JsonObject,
  skip?: (name: string) => boolean,
): Text {
  let text = '';
  for (const name of Object.keys(object)) {
    const value = object[name];
    if (value === undefined || skip?.(name) === true) continue;
    const member = node.member(name) ?? anything;
    const before = own(skeleton, name);
    const present = isJsonObject(before) && isJsonObject(value);
    const below = present ? membersText(value, member, before) : valueText(value, member);
    if (below === undefined) return undefined;
    if (present && below === '') continue;
    text += `${text === '' ? '' : ','}${fieldText(name)}${present ? `{${below}}` : below}`;
  }
  return text;
}

function objectText(object: JsonObject, node: SchemaNode, part: Part): Text {
  const metadata = own(object, 'metadata');
  const inMetadata = isJsonObject(metadata)
    ? membersText(metadata, node.member('metadata') ?? anything, {}, isUnowned('metadata'))
    : '';
  const rest = membersText(object, node, skeletonOf(node), isUnowned(part));
  if (inMetadata === undefined || rest === undefined) return undefined;
  if (inMetadata === '') return `{${rest}}`;
  return `{"f:metadata":{${inMetadata}}${rest === '' ? '' : `,${rest}`}}`;
}

export function createdFields(object: JsonObject, node: SchemaNode, part: Part): FieldSet {
  const text = objectText(object, node, part);
  if (text !== undefined) return sharedByText(text);
  return gainedIn(compareObjects(skeletonOf(node), object, node, part) ?? {});
}
