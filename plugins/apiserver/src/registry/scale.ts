/** The scale subresource (autoscaling/v1 Scale) of any kind that maps it. */
import { formatLabelSelector, fromLabelSelector, type KubeObject } from '@timonel/sdk/kube';
import { isJsonObject, own, setAtPath, valueAtPath, type JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { badRequest, invalid, unknownResource } from './api-errors.ts';

function selectorText(selector: unknown): string | undefined {
  if (!isJsonObject(selector)) return typeof selector === 'string' ? selector : undefined;
  // ReplicationController has a plain map, all others a LabelSelector.
  const plain = !('matchLabels' in selector) && !('matchExpressions' in selector);
  return formatLabelSelector(fromLabelSelector(plain ? { matchLabels: selector as Record<string, string> } : selector));
}

export function scaleOf(kind: Kind, object: KubeObject): KubeObject {
  const mapping = kind.definition.scale;
  if (mapping === undefined) throw unknownResource();
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = selectorText(valueAtPath(object, mapping.selectorPath));
  const scale = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: JSON.parse(JSON.stringify({ name, namespace, uid, resourceVersion, creationTimestamp })) as JsonObject,
    spec: { replicas: numberOr0(valueAtPath(object, mapping.specReplicasPath)) },
    status: {
      replicas: numberOr0(valueAtPath(object, mapping.statusReplicasPath)),
      ...(selector === undefined ? {} : { selector }),
    },
  };
  return scale;
}

/** The part of the object that an applied Scale speaks of. @throws ApiError BadRequest */
export function scaleConfig(kind: Kind, scale: JsonObject): JsonObject {
  const mapping = kind.definition.scale;
  if (mapping === undefined) throw unknownResource();
  if (scale['kind'] !== 'Scale') throw badRequest('a Scale object is expected');
  const replicas = valueAtPath(scale, 'spec.replicas');
  if (typeof replicas !== 'number' || !Number.isInteger(replicas)) {
    throw badRequest('spec.replicas: expected an integer');
  }
  const given = own(scale, 'metadata');
  const metadata: JsonObject = {};
  for (const field of ['name', 'namespace', 'uid', 'resourceVersion']) {
    const value = isJsonObject(given) ? own(given, field) : undefined;
    if (typeof value === 'string') metadata[field] = value;
  }
  const config: JsonObject = { apiVersion: kind.apiVersion, kind: kind.definition.kind, metadata };
  setAtPath(config, mapping.specReplicasPath, replicas);
  return config;
}

function numberOr0(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** Sets the replicas of a private copy. @throws ApiError BadRequest, Invalid */
export function applyScale(kind: Kind, current: KubeObject, scale: JsonObject): JsonObject {
  const mapping = kind.definition.scale;
  if (mapping === undefined) throw unknownResource();
  if (scale['kind'] !== undefined && scale['kind'] !== 'Scale') throw badRequest('a Scale object is expected');
  const replicas = valueAtPath(scale, 'spec.replicas') ?? 0;
  const name = current.metadata.name ?? '';
  if (typeof replicas !== 'number' || !Number.isInteger(replicas))
    throw badRequest('spec.replicas: expected an integer');
  if (replicas < 0 || replicas > 2_147_483_647) {
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
    throw invalid(kind, name, [{ field: 'spec.replicas', reason: 'FieldValueInvalid', message }]);
  }
  const resourceVersion = valueAtPath(scale, 'metadata.resourceVersion');
  const object = current as unknown as JsonObject;
  setAtPath(object, mapping.specReplicasPath, replicas);
  if (typeof resourceVersion === 'string' && resourceVersion !== '') current.metadata.resourceVersion = resourceVersion;
  return object;
}
