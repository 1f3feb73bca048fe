import type { ResourceDefinition, Strategy } from '@timonel/sdk/contracts/api-server';
import { secrets, type FieldError, type Secret } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { ageColumn, column, nameColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings, sameJson } from '../validation/findings.ts';
import { onUpdate } from '../validation/on-update.ts';
import { fieldOf, isObject, objectOf, textEntries, textOf } from '../validation/loose.ts';
import { checkData, dataLimitBytes } from './data-validation.ts';

/** `stringData` is for writing only: it is encoded into `data` and wins over it. */
function encodeStringData(secret: Secret): void {
  if (!isObject(secret.stringData)) return;
  const encoded = textEntries(secret.stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  // A map of entries, since plain assignment would take the key `__proto__` for something else.
  secret.data = Object.fromEntries([...Object.entries(objectOf(secret.data)), ...encoded]) as Record<string, string>;
  delete secret.stringData;
}

/** Keys that a type of secret must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

const accountAnnotation = 'kubernetes.io/service-account.name';

/** Types whose only key holds JSON. What is wrong with it is not said by its words. */
const holdsJson: ReadonlySet<string> = new Set(['kubernetes.io/dockercfg', 'kubernetes.io/dockerconfigjson']);

function checkJson(secret: Secret, key: string, found: Findings): void {
  const text = Buffer.from(textOf(fieldOf(secret.data, key)), 'base64').toString();
  try {
    JSON.parse(text);
  } catch {
    found.invalid(`data[${key}]`, '<secret contents redacted>', 'it is not valid JSON');
  }
}

function checkType(secret: Secret, found: Findings): void {
  const type = textOf(secret.type);
  const needed = Object.hasOwn(requiredKeys, type) ? (requiredKeys[type] ?? []) : [];
  for (const key of needed) {
    if (fieldOf(secret.data, key) === undefined) found.required(`data[${key}]`);
    else if (holdsJson.has(type)) checkJson(secret, key, found);
  }
  if (type === 'kubernetes.io/basic-auth') {
    const either = ['username', 'password'].some((key) => fieldOf(secret.data, key) !== undefined);
    if (!either) {
      found.required('data[username]');
      found.required('data[password]');
    }
  }
  if (
    type === 'kubernetes.io/service-account-token' &&
    textOf(fieldOf(secret.metadata.annotations, accountAnnotation)) === ''
  )
    found.required(`metadata.annotations[${accountAnnotation}]`);
}

function validate(secret: Secret): FieldError[] {
  const found = new Findings();
  const sizeBytes = checkData(secret.data, 'data', 'base64', found);
  if (sizeBytes > dataLimitBytes) found.tooLong('data', dataLimitBytes);
  checkType(secret, found);
  return found.all();
}

function updateFindings(secret: Secret, old: Secret): FieldError[] {
  const found = new Findings();
  found.immutable('type', secret.type, old.type);
  if (old.immutable === true) {
    if (secret.immutable !== true) found.forbidden('immutable', 'field is immutable when `immutable` is set');
    if (!sameJson(secret.data, old.data)) found.forbidden('data', 'field is immutable when `immutable` is set');
  }
  return found.all();
}

const strategy: Strategy<Secret> = {
  default(secret) {
    secret.type ||= 'Opaque';
    encodeStringData(secret);
  },
  validate,
  validateUpdate: onUpdate(validate, updateFindings),
  selectableFields: (secret) => ({ type: textOf(secret.type) }),
  cells(secret, context) {
    const count = Object.keys(objectOf(secret.data)).length;
    return [textOf(secret.metadata.name), textOf(secret.type), String(count), age(secret, context)];
  },
};

export const secretKind: ResourceDefinition<Secret> = defineKind({
  type: secrets,
  schema: 'io.k8s.api.core.v1.Secret',
  columns: [nameColumn, column('Type', 'What the secret is for.'), column('Data', 'The number of keys.'), ageColumn],
  strategy,
});
