/**
 * The annotation of client-side apply. Who changes over to server-side apply under kubectl's name keeps what it applied there
 * without a conflict, and the annotation keeps up, so that the way back stays open.
 */
import { canonicalJson } from '../../json/canonical-json.ts';
import { isJsonObject, nestedDeeperThan, own, type JsonObject } from '../../json/plain-json.ts';
import type { SchemaNode } from '../../kinds/schema-node.ts';
import { difference, emptySet, union, type FieldSet } from '../../managed-fields/field-set.ts';
import { fieldsOf } from '../../managed-fields/field-tree.ts';
import { compareObjects, type Part } from '../../managed-fields/object-fields.ts';

/** The manager of `kubectl apply --server-side`. */
export const kubectlManager = 'kubectl';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
const annotationsLimitBytes = 256 * 1024;
const nestingLimit = 500;

function annotationsOf(object: JsonObject): JsonObject | undefined {
  const metadata = own(object, 'metadata');
  const annotations = isJsonObject(metadata) ? own(metadata, 'annotations') : undefined;
  return isJsonObject(annotations) ? annotations : undefined;
}

function lastApplied(object: JsonObject): JsonObject | undefined {
  const text = own(annotationsOf(object) ?? {}, annotation);
  if (typeof text !== 'string' || text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && !nestedDeeperThan(value, nestingLimit) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Fields that client-side apply set last and that still have the value it gave them. */
export function fieldsOfLastApplied(live: JsonObject, node: SchemaNode, part: Part): FieldSet {
  const applied = lastApplied(live);
  if (applied === undefined) return emptySet;
  const { added = emptySet, modified = emptySet, removed = emptySet } = compareObjects(applied, live, node, part) ?? {};
  return difference(fieldsOf(applied, node), union(added, union(modified, removed)));
}

function sizeBytes(annotations: JsonObject): number {
  return Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + key.length + Buffer.byteLength(String(value)),
    0,
  );
}

/** Brings the annotation of `object`, which is changed in place, up to date with what was applied. An object without it gets none. */
export function keepLastApplied(object: JsonObject, config: JsonObject): void {
  const annotations = annotationsOf(object);
  if (annotations === undefined || !own(annotations, annotation)) return;
  const metadata = own(config, 'metadata');
  const configAnnotations = annotationsOf(config);
  const { [annotation]: _dropped, ...others } = configAnnotations ?? {};
  const applied =
    configAnnotations === undefined || !isJsonObject(metadata)
      ? config
      : { ...config, metadata: { ...metadata, annotations: others } };
  annotations[annotation] = `${canonicalJson(applied)}\n`;
  if (sizeBytes(annotations) > annotationsLimitBytes) delete annotations[annotation];
}
