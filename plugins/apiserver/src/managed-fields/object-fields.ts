/** Whole objects: which of their fields can be owned, and what differs between two of them. */
import { isJsonObject, own, type JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from '../kinds/schema-node.ts';
import { compareMembers, compareValues, type Difference } from './compare.ts';
import { difference, emptySet, type FieldSet } from './field-set.ts';
import { fieldElement } from './path-element.ts';
import { memberNode } from './shape.ts';

/** Which part of an object a write is about. `main`: all but the status; `status`: with what of metadata it may take along. */
export type Part = 'whole' | 'main' | 'status';

const serverMetadata = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
];
const unownedMetadata: ReadonlySet<string> = new Set(serverMetadata);
const typeFields = ['apiVersion', 'kind'];
const unowned: Readonly<Record<Part, ReadonlySet<string>>> = {
  status: new Set(),
  whole: new Set([...typeFields, 'metadata']),
  main: new Set([...typeFields, 'metadata', 'status']),
};

const unownedSet: FieldSet = Object.freeze({
  ...Object.fromEntries(typeFields.map((name) => [fieldElement(name), emptySet])),
  [fieldElement('metadata')]: Object.freeze({
    '.': emptySet,
    ...Object.fromEntries(serverMetadata.map((name) => [fieldElement(name), emptySet])),
  }),
});

/** Which members nobody owns: of metadata, or of an object when the write is about a part of it. */
export function isUnowned(where: 'metadata' | Part): (name: string) => boolean {
  const names = where === 'metadata' ? unownedMetadata : unowned[where];
  return (name) => names.has(name);
}

/** Without the fields that nobody owns: identity, and what the server sets. */
export function ownable(fields: FieldSet): FieldSet {
  return difference(fields, unownedSet);
}

function metadataIn(object: JsonObject): JsonObject {
  const metadata = own(object, 'metadata');
  return isJsonObject(metadata) ? metadata : {};
}

function under(element: string, found: Difference | undefined): Difference | undefined {
  if (found === undefined) return undefined;
  const result: Difference = {};
  for (const sort of ['added', 'removed', 'modified'] as const) {
    if (found[sort] !== undefined) result[sort] = { [element]: found[sort] };
  }
  return result;
}

/** Of two differences that have no element in common. */
function joined(a: Difference | undefined, b: Difference | undefined): Difference | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const result: Difference = { ...a };
  for (const sort of ['added', 'removed', 'modified'] as const) {
    if (b[sort] !== undefined) result[sort] = { ...a[sort], ...b[sort] };
  }
  return result;
}

/** What differs between two objects in the ownable fields of a part. Undefined: nothing. */
export function compareObjects(
  before: JsonObject,
  after: JsonObject,
  node: SchemaNode,
  part: Part,
): Difference | undefined {
  const [left, right] = [metadataIn(before), metadataIn(after)];
  const metadata = under(
    fieldElement('metadata'),
    compareMembers(left, right, memberNode(node, 'metadata'), unownedMetadata),
  );
  if (part === 'status') {
    const status = compareValues(own(before, 'status'), own(after, 'status'), memberNode(node, 'status'));
    return joined(metadata, under(fieldElement('status'), status));
  }
  return joined(metadata, compareMembers(before, after, node, unowned[part]));
}

/** Fields that the types of Kubernetes always have, so that they do not come with the first value below them. */
const everPresent = ['metadata', 'spec', 'status', 'template', 'jobTemplate', 'strategy', 'updateStrategy'];
const skeletons = new WeakMap<SchemaNode, JsonObject>();
const skeletonDepth = 6;

function makeSkeleton(node: SchemaNode, depth: number): JsonObject {
  const result: JsonObject = {};
  for (const name of depth > 0 ? everPresent : []) {
    const member = node.type === 'object' ? node.member(name) : undefined;
    if (member?.type === 'object' && !member.atomicMap) result[name] = makeSkeleton(member, depth - 1);
  }
  return result;
}

/** The object that a create compares with. */
export function skeletonOf(node: SchemaNode): JsonObject {
  let skeleton = skeletons.get(node);
  if (skeleton === undefined) {
    skeleton = makeSkeleton(node, skeletonDepth);
    skeletons.set(node, skeleton);
  }
  return skeleton;
}
