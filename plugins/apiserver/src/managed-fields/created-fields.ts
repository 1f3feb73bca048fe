/**
 * What the creator of an object owns: what the comparison with the skeleton of its kind finds. Creates are frequent, and most
 * objects have the form of one before them: they share its fields, and only their form is written down to find it.
 */
import { isJsonObject, own, type JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import { compareObjects, isUnowned, skeletonOf, type Part } from './object-fields.ts';
import { gainedIn } from './compare.ts';
import type { FieldSet } from './field-set.ts';
import { anything, itemElement, shapeOf } from './shape.ts';
import { shared } from './shared-sets.ts';

/** Cannot be taken for a mark of the form. */
const plain = /^[\w./:@-]*$/;

/** The form of a value: names of fields and of items, but no values. What has one form has one set of fields. */
function formOf(value: unknown, node: SchemaNode): string {
  if (typeof value !== 'object' || value === null) return '';
  const shape = shapeOf(node, value);
  if (shape === 'map') return mapForm(value as JsonObject, node);
  return shape === 'list' ? listForm(value as unknown[], node) : '';
}

function mapForm(object: JsonObject, node: SchemaNode, skip?: (name: string) => boolean): string {
  let form = '{';
  for (const name of Object.keys(object)) {
    const value = object[name];
    if (value === undefined || skip?.(name) === true) continue;
    form += `${plain.test(name) ? name : JSON.stringify(name)}${formOf(value, node.member(name) ?? anything)},`;
  }
  return `${form}}`;
}

function listForm(list: readonly unknown[], node: SchemaNode): string {
  const element = node.element();
  let form = '[';
  for (const item of list) form += `${itemForm(item, node)}${formOf(item, element)},`;
  return `${form}]`;
}

function itemForm(item: unknown, node: SchemaNode): string {
  const [key, second] = node.listMapKeys;
  if (node.listType === 'map' && key !== undefined && second === undefined && isJsonObject(item)) {
    const value = own(item, key);
    if (typeof value === 'string' && plain.test(value)) return value;
  }
  const found = itemElement(item, node);
  return 'lacks' in found ? '!' : JSON.stringify(found.element);
}

function objectForm(object: JsonObject, node: SchemaNode, part: Part): string {
  const metadata = own(object, 'metadata');
  const inMetadata = isJsonObject(metadata)
    ? mapForm(metadata, node.member('metadata') ?? anything, isUnowned('metadata'))
    : '';
  return `${part}${inMetadata}${mapForm(object, node, isUnowned(part))}`;
}

const formsLimit = 200;
const formLengthLimit = 16 * 1024;
/** By kind, the fields of the forms seen last. */
const known = new WeakMap<SchemaNode, Map<string, FieldSet>>();

function formsOf(node: SchemaNode): Map<string, FieldSet> {
  let forms = known.get(node);
  if (forms === undefined) {
    forms = new Map();
    known.set(node, forms);
  }
  return forms;
}

export function createdFields(object: JsonObject, node: SchemaNode, part: Part): FieldSet {
  const form = objectForm(object, node, part);
  const forms = formsOf(node);
  const present = forms.get(form);
  if (present !== undefined) return present;
  const fields = shared(gainedIn(compareObjects(skeletonOf(node), object, node, part) ?? {}));
  if (form.length > formLengthLimit) return fields;
  forms.set(form, fields);
  if (forms.size > formsLimit) {
    const [oldest = ''] = forms.keys();
    forms.delete(oldest);
  }
  return fields;
}
