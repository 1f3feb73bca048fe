import type { ResourceDefinition, Strategy } from '@timonel/sdk/contracts/api-server';
import { configMaps, type ConfigMap, type FieldError } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { ageColumn, column, nameColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings, sameJson } from '../validation/findings.ts';
import { onUpdate } from '../validation/on-update.ts';
import { isObject, objectOf, textOf } from '../validation/loose.ts';
import { checkData, dataLimitBytes } from './data-validation.ts';

function validate(map: ConfigMap): FieldError[] {
  const found = new Findings();
  const sizeBytes =
    checkData(map.data, 'data', 'text', found) + checkData(map.binaryData, 'binaryData', 'base64', found);
  if (isObject(map.data) && isObject(map.binaryData)) {
    for (const key of Object.keys(map.binaryData)) {
      if (Object.hasOwn(map.data, key)) found.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
    }
  }
  if (sizeBytes > dataLimitBytes) found.tooLong('', dataLimitBytes);
  return found.all();
}

function updateFindings(map: ConfigMap, old: ConfigMap): FieldError[] {
  const found = new Findings();
  if (old.immutable !== true) return [];
  if (map.immutable !== true) found.forbidden('immutable', 'field is immutable when `immutable` is set');
  if (!sameJson(map.data, old.data)) found.forbidden('data', 'field is immutable when `immutable` is set');
  if (!sameJson(map.binaryData, old.binaryData))
    found.forbidden('binaryData', 'field is immutable when `immutable` is set');
  return found.all();
}

const strategy: Strategy<ConfigMap> = {
  validate,
  validateUpdate: onUpdate(validate, updateFindings),
  cells(map, context) {
    const count = Object.keys(objectOf(map.data)).length + Object.keys(objectOf(map.binaryData)).length;
    return [textOf(map.metadata.name), String(count), age(map, context)];
  },
};

export const configMapKind: ResourceDefinition<ConfigMap> = defineKind({
  type: configMaps,
  schema: 'io.k8s.api.core.v1.ConfigMap',
  shortNames: ['cm'],
  columns: [nameColumn, column('Data', 'The number of keys.'), ageColumn],
  strategy,
});
