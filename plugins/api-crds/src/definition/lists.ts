/** What a schema may say about the topology of lists and maps. */
import type { Findings } from '@timonel/sdk/kube';
import { isJson, type Json } from '../schema/schema.ts';

const listTypes = ['atomic', 'map', 'set'];
const mapTypes = ['atomic', 'granular'];

export function checkLists(raw: Json, path: string, found: Findings): void {
  const listType = raw['x-kubernetes-list-type'];
  const keys = Array.isArray(raw['x-kubernetes-list-map-keys']) ? (raw['x-kubernetes-list-map-keys'] as unknown[]) : [];
  const mapType = raw['x-kubernetes-map-type'];
  if (typeof listType === 'string') {
    if (raw['type'] !== 'array') {
      found.invalid(`${path}.type`, raw['type'] ?? '', 'must be array if x-kubernetes-list-type is specified');
    } else if (!listTypes.includes(listType)) found.notSupported(`${path}.x-kubernetes-list-type`, listType, listTypes);
  }
  if (typeof mapType === 'string') {
    if (raw['type'] !== 'object') {
      found.invalid(`${path}.type`, raw['type'] ?? '', 'must be object if x-kubernetes-map-type is specified');
    } else if (!mapTypes.includes(mapType)) found.notSupported(`${path}.x-kubernetes-map-type`, mapType, mapTypes);
  }
  if (listType !== 'map') {
    if (keys.length > 0) {
      const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
      found.invalid(`${path}.x-kubernetes-list-type`, listType ?? '', why);
    }
    if (listType === 'set') checkSet(raw, path, found);
    return;
  }
  if (keys.length === 0) {
    found.required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map');
  }
  checkKeys(raw, keys, path, found);
}

/** Only values that are compared as a whole can be told apart. */
function checkSet(raw: Json, path: string, found: Findings): void {
  const { items } = raw;
  if (!isJson(items)) return;
  if (items['nullable'] === true) {
    found.forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is set');
  }
  const what = 'as value of an array with x-kubernetes-list-type=set';
  if (items['type'] === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    const given = items['x-kubernetes-map-type'] ?? '';
    found.invalid(`${path}.items.x-kubernetes-map-type`, given, `must be atomic ${what}`);
  }
  const list = items['x-kubernetes-list-type'];
  if (items['type'] === 'array' && list !== undefined && list !== 'atomic') {
    found.invalid(`${path}.items.x-kubernetes-list-type`, list, `must be atomic ${what}`);
  }
}

function checkKeys(raw: Json, keys: readonly unknown[], path: string, found: Findings): void {
  const { items } = raw;
  if (!isJson(items)) return;
  if (items['type'] !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    found.invalid(`${path}.items.type`, items['type'] ?? '', why);
    return;
  }
  if (items['nullable'] === true) {
    found.forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is map');
  }
  const properties = isJson(items['properties']) ? items['properties'] : {};
  const required = new Set(Array.isArray(items['required']) ? (items['required'] as unknown[]) : []);
  const seen = new Set<unknown>();
  keys.forEach((key, index) => {
    const at = `${path}.x-kubernetes-list-map-keys`;
    if (seen.has(key)) found.duplicate(`${at}[${index}]`, key);
    seen.add(key);
    const property = typeof key === 'string' && Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (!isJson(property)) {
      found.invalid(`${at}[${index}]`, key, 'entries must all be names of item properties');
      return;
    }
    const inner = `${path}.items.properties[${String(key)}]`;
    if (property['type'] === 'array' || property['type'] === 'object') {
      found.invalid(
        `${inner}.type`,
        property['type'],
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      );
    }
    if (property['nullable'] === true) {
      found.forbidden(`${inner}.nullable`, 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable');
    }
    if (property['default'] === undefined && !required.has(key)) {
      const why = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      found.required(`${inner}.default`, why);
    }
  });
}
