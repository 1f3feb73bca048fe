/** What the server itself sets in and checks of metadata, the same for all kinds. */
import type { Env } from '@timonel/sdk';
import type { ResourceDefinition, WritableMetadata } from '@timonel/sdk/contracts/api-server';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
  type FieldError,
  type KubeObject,
  type ObjectMeta,
} from '@timonel/sdk/kube';
import { isJsonObject, own, type JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const generatedBaseLength = 58;
const annotationsLimitBytes = 256 * 1024;

/** The base and five random characters, at most 63 together. */
export function generatedName(base: string, env: Env): string {
  let name = base.slice(0, generatedBaseLength);
  for (let index = 0; index < 5; index += 1) name += suffixAlphabet[env.random.int(suffixAlphabet.length)] ?? '';
  return name;
}

/** Lists and maps without a member are not there, as Kubernetes' own types leave them out. */
function dropEmpty(metadata: ObjectMeta): void {
  if (metadata.finalizers?.length === 0) delete metadata.finalizers;
  if (metadata.ownerReferences?.length === 0) delete metadata.ownerReferences;
  for (const field of ['labels', 'annotations'] as const) {
    if (Object.keys(metadata[field] ?? {}).length === 0) delete metadata[field];
  }
}

/** Sets what a new object gets from the server. */
export function prepareNewMetadata(object: KubeObject, kind: Kind, env: Env): void {
  const metadata = object.metadata;
  dropEmpty(metadata);
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete (metadata as JsonObject)['selfLink'];
  if (kind.definition.generation) metadata.generation = 1;
  else delete metadata.generation;
  metadata.uid = env.random.uuid();
  metadata.creationTimestamp = env.clock.timestamp();
}

/** Keeps what no update may change; who owns which field is settled elsewhere. */
export function prepareChangedMetadata(object: KubeObject, old: KubeObject): void {
  const metadata = object.metadata as ObjectMeta & JsonObject;
  dropEmpty(metadata);
  const kept = [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'managedFields',
  ] as const;
  for (const field of kept) {
    const value = old.metadata[field];
    if (value === undefined) delete metadata[field];
    else (metadata as JsonObject)[field] = value;
  }
  delete metadata['selfLink'];
  if (old.metadata.resourceVersion !== undefined) metadata.resourceVersion = old.metadata.resourceVersion;
}

const writable: readonly WritableMetadata[] = ['labels', 'annotations', 'finalizers', 'ownerReferences'];

/** Makes what is to be taken of metadata, true: all that writers may change, what it is in `source`. */
export function takeMetadata(
  { metadata }: KubeObject,
  source: KubeObject,
  taken: NonNullable<ResourceDefinition['statusMetadata']>,
): void {
  for (const field of taken === true ? writable : taken) {
    const value = source.metadata[field];
    if (value === undefined) delete metadata[field];
    else (metadata as JsonObject)[field] = structuredClone(value);
  }
  dropEmpty(metadata);
}

function finding(field: string, value: unknown, problem: string): FieldError {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${problem}` };
}

function mapProblems(metadata: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    for (const problem of qualifiedNameProblems(key)) errors.push(finding('metadata.labels', key, problem));
    for (const problem of labelValueProblems(value)) errors.push(finding('metadata.labels', value, problem));
  }
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    for (const problem of qualifiedNameProblems(key.toLowerCase())) {
      errors.push(finding('metadata.annotations', key, problem));
    }
    bytes += key.length + Buffer.byteLength(value);
  }
  if (bytes > annotationsLimitBytes) {
    errors.push({
      field: 'metadata.annotations',
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${annotationsLimitBytes} bytes`,
    });
  }
  return errors;
}

function ownerProblems(metadata: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const owners = metadata.ownerReferences ?? [];
  owners.forEach((owner, index) => {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (owner[field]) continue;
      const path = `metadata.ownerReferences[${index}].${field}`;
      errors.push({ field: path, reason: 'FieldValueInvalid', message: 'Invalid value: "": must not be empty' });
    }
  });
  if (owners.filter((owner) => owner.controller === true).length > 1) {
    errors.push(
      finding('metadata.ownerReferences', owners.length, 'Only one reference can have Controller set to true'),
    );
  }
  for (const finalizer of metadata.finalizers ?? []) {
    for (const problem of qualifiedNameProblems(finalizer)) {
      errors.push(finding('metadata.finalizers', finalizer, problem));
    }
  }
  return errors;
}

/** Findings in the metadata of an object that is to be written. */
export function metadataProblems(kind: Kind, object: KubeObject): FieldError[] {
  const { metadata } = object;
  const errors: FieldError[] = [];
  if (!metadata.name) {
    errors.push({
      field: 'metadata.name',
      reason: 'FieldValueRequired',
      message: 'Required value: name or generateName is required',
    });
  } else {
    const problems = (kind.definition.nameProblems ?? dnsSubdomainProblems)(metadata.name);
    errors.push(...problems.map((problem) => finding('metadata.name', metadata.name, problem)));
  }
  if (kind.definition.namespaced) {
    for (const problem of dnsLabelProblems(metadata.namespace ?? '')) {
      errors.push(finding('metadata.namespace', metadata.namespace ?? '', problem));
    }
  }
  return [...errors, ...mapProblems(metadata), ...ownerProblems(metadata)];
}

/** Findings of an update beside those of {@link metadataProblems}. */
export function changedMetadataProblems(object: KubeObject, old: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  if (old.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers);
    const added = (object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
    if (added.length > 0) {
      errors.push({
        field: 'metadata.finalizers',
        reason: 'FieldValueForbidden',
        message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
      });
    }
  }
  return errors;
}

/** The metadata of an object of unknown shape; a missing one becomes an empty one. Undefined: it is no object. */
export function metadataOf(object: JsonObject): (ObjectMeta & JsonObject) | undefined {
  const metadata = own(object, 'metadata');
  if (metadata === undefined || metadata === null) {
    const made: JsonObject = {};
    object['metadata'] = made;
    return made;
  }
  return isJsonObject(metadata) ? metadata : undefined;
}
