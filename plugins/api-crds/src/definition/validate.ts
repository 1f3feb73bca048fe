/** What a CustomResourceDefinition may say, beside the schemas of its versions. */
import {
  dns1035LabelProblems,
  dnsSubdomainProblems,
  Findings,
  type FieldError,
  type KubeObject,
} from '@timonel/sdk/kube';
import { isJson, Schema, type Json } from '../schema/schema.ts';
import { checkConversion } from './conversion.ts';
import { fieldNames, parsePath } from './paths.ts';
import { listIn, objectIn, textIn } from './part.ts';
import { RulesCheck } from './rules.ts';
import { StructuralCheck } from './structural.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['int32', 'int64', 'float', 'double', 'byte', 'date', 'date-time', 'password'];
const mostSelectable = 8;
const approval = 'api-approved.kubernetes.io';

function problems(found: Findings, path: string, value: string, check: (text: string) => string[]): void {
  found.problems(path, value, check(value));
}

function mixedCase(text: string): string[] {
  return dns1035LabelProblems(text.toLowerCase()).map(
    (problem) => `may have mixed case, but should otherwise match: ${problem}`,
  );
}

function checkNames(names: Json, path: string, found: Findings): void {
  const required = {
    plural: dns1035LabelProblems,
    singular: dns1035LabelProblems,
    kind: mixedCase,
    listKind: mixedCase,
  };
  for (const [name, check] of Object.entries(required)) {
    const text = textIn(names, name);
    if (text === '') found.required(`${path}.${name}`);
    else problems(found, `${path}.${name}`, text, check);
  }
  for (const list of ['shortNames', 'categories']) {
    listIn(names, list).forEach((one, index) => {
      if (typeof one === 'string') problems(found, `${path}.${list}[${index}]`, one, dns1035LabelProblems);
    });
  }
  if (textIn(names, 'kind') !== '' && textIn(names, 'kind') === textIn(names, 'listKind')) {
    found.invalid(`${path}.listKind`, textIn(names, 'listKind'), 'kind and listKind may not be the same');
  }
}

function checkScale(scale: Json, path: string, found: Findings): void {
  const places = {
    specReplicasPath: { starts: ['.spec.'], text: 'should be a json path under .spec', required: true },
    statusReplicasPath: { starts: ['.status.'], text: 'should be a json path under .status', required: true },
    labelSelectorPath: {
      starts: ['.spec.', '.status.'],
      text: 'should be a json path under either .spec or .status',
      required: false,
    },
  };
  for (const [name, { starts, text, required }] of Object.entries(places)) {
    const value = textIn(scale, name);
    const at = `${path}.${name}`;
    if (value === '') {
      if (required) found.required(at);
    } else if (fieldNames(value) === undefined) {
      found.invalid(at, value, 'should be a valid json path: array notation is not allowed');
    } else if (!starts.some((start) => value.startsWith(start))) found.invalid(at, value, text);
  }
}

function checkColumns(columns: readonly unknown[], path: string, found: Findings): void {
  columns.forEach((column, index) => {
    const at = `${path}[${index}]`;
    if (textIn(column, 'name') === '') found.required(`${at}.name`);
    found.oneOf(`${at}.type`, textIn(column, 'type'), columnTypes, 'required');
    const format = textIn(column, 'format');
    if (format !== '' && !columnFormats.includes(format)) found.notSupported(`${at}.format`, format, columnFormats);
    const jsonPath = textIn(column, 'jsonPath');
    if (jsonPath === '') found.required(`${at}.jsonPath`);
    else if (parsePath(jsonPath) === undefined) found.invalid(`${at}.jsonPath`, jsonPath, 'is an invalid path');
  });
}

function fieldProblem(names: readonly string[] | undefined, schema: Json): string | undefined {
  if (names === undefined) return 'must be a simple path of fields, without array notation';
  if (names[0] === 'metadata') return 'must not point to fields in metadata';
  let at: Schema | undefined = new Schema(schema);
  for (const name of names) at = at?.properties.get(name);
  if (at === undefined) return 'does not refer to a valid field in the schema';
  return ['string', 'boolean', 'integer'].includes(at.type ?? '')
    ? undefined
    : 'must refer to a field of type string, boolean or integer';
}

function checkSelectable(fields: readonly unknown[], schema: Json, path: string, found: Findings): void {
  if (fields.length > mostSelectable) found.tooMany(path, fields.length, mostSelectable);
  const seen = new Set<string>();
  fields.slice(0, mostSelectable).forEach((field, index) => {
    const at = `${path}[${index}].jsonPath`;
    const jsonPath = textIn(field, 'jsonPath');
    if (jsonPath === '') {
      found.required(at);
      return;
    }
    const problem = fieldProblem(fieldNames(jsonPath), schema);
    if (problem !== undefined) found.invalid(at, jsonPath, problem);
    if (seen.has(jsonPath)) found.duplicate(at, jsonPath);
    seen.add(jsonPath);
  });
}

/** Rules are about values of a form that is known. */
function* checkSchema(schema: Json, path: string, found: Findings): Generator<void> {
  const before = found.all().length;
  yield* new StructuralCheck(found).check(schema, path);
  if (found.all().length === before) yield* new RulesCheck(found).check(schema, path);
}

/** The schemas of all versions. In steps, between which others may have their turn. */
export function* checkSchemas(definition: KubeObject, found: Findings): Generator<void> {
  for (const [index, version] of listIn(objectIn(definition, 'spec'), 'versions').entries()) {
    const schema = objectIn(version, 'schema')['openAPIV3Schema'];
    if (isJson(schema)) yield* checkSchema(schema, `spec.versions[${index}].schema.openAPIV3Schema`, found);
  }
}

function checkVersion(version: Json, path: string, found: Findings): void {
  const name = textIn(version, 'name');
  if (name === '') found.required(`${path}.name`);
  else problems(found, `${path}.name`, name, dns1035LabelProblems);
  const warning = textIn(version, 'deprecationWarning');
  if (warning !== '' && version['deprecated'] !== true) {
    found.invalid(`${path}.deprecationWarning`, warning, 'can only be set for deprecated versions');
  }
  const schema = objectIn(version, 'schema')['openAPIV3Schema'];
  if (!isJson(schema)) found.required(`${path}.schema.openAPIV3Schema`, 'schemas are required');
  const { scale } = objectIn(version, 'subresources');
  if (isJson(scale)) checkScale(scale, `${path}.subresources.scale`, found);
  checkColumns(listIn(version, 'additionalPrinterColumns'), `${path}.additionalPrinterColumns`, found);
  const selectable = listIn(version, 'selectableFields');
  checkSelectable(selectable, isJson(schema) ? schema : {}, `${path}.selectableFields`, found);
}

function checkVersions(versions: readonly unknown[], found: Findings): void {
  const path = 'spec.versions';
  if (versions.length === 0) {
    found.required(path);
    return;
  }
  versions.forEach((version, index) => {
    if (isJson(version)) checkVersion(version, `${path}[${index}]`, found);
  });
  const names = versions.map((version) => textIn(version, 'name'));
  if (new Set(names).size < names.length) found.invalid(path, names, 'must contain unique version names');
  const stored = versions.filter((version) => isJson(version) && version['storage'] === true).length;
  if (stored !== 1) found.invalid(path, names, 'must have exactly one version marked as storage version');
}

/** Groups of the community are not for everybody. */
function checkApproval(definition: KubeObject, group: string, found: Findings): void {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(group)) return;
  const text = definition.metadata.annotations?.[approval] ?? '';
  const path = `metadata.annotations[${approval}]`;
  const where = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (text === '') {
    found.required(path, `protected groups must have approval annotation "${approval}", ${where}`);
  } else if (!text.startsWith('unapproved') && !URL.canParse(text)) {
    found.invalid(
      path,
      text,
      `protected groups must have approval annotation "${approval}" with either a URL or a reason starting with "unapproved", ${where}`,
    );
  }
}

/** All findings of a definition but those of its schemas. */
export function findingsOf(definition: KubeObject): FieldError[] {
  const found = new Findings();
  const spec = objectIn(definition, 'spec');
  const group = textIn(spec, 'group');
  if (group === '') found.required('spec.group');
  else {
    problems(found, 'spec.group', group, dnsSubdomainProblems);
    if (!group.includes('.')) found.invalid('spec.group', group, 'should be a domain with at least one dot');
  }
  found.oneOf('spec.scope', textIn(spec, 'scope'), ['Cluster', 'Namespaced'], 'required');
  const names = objectIn(spec, 'names');
  checkVersions(listIn(spec, 'versions'), found);
  checkNames(names, 'spec.names', found);
  checkConversion(objectIn(spec, 'conversion'), found);
  if (spec['preserveUnknownFields'] === true) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    found.invalid('spec.preserveUnknownFields', true, why);
  }
  checkApproval(definition, group, found);
  const name = `${textIn(names, 'plural')}.${group}`;
  if (definition.metadata.name !== name) {
    found.invalid('metadata.name', definition.metadata.name ?? '', 'must be spec.names.plural+"."+spec.group');
  }
  return found.all();
}

/** Whether others than definitions serve objects of a resource. */
export type IsTaken = (group: string, resource: string) => boolean;

/** Of a new one. What is there already must be able to go. */
export function findingsOfName(definition: KubeObject, isTaken: IsTaken): FieldError[] {
  const found = new Findings();
  const spec = objectIn(definition, 'spec');
  const plural = textIn(objectIn(spec, 'names'), 'plural');
  const group = textIn(spec, 'group');
  if (isTaken(group, plural)) {
    found.invalid('spec.names.plural', plural, `is a resource of ${group} already that no definition may describe`);
  }
  return found.all();
}

/** What an update may not do. */
export function findingsOfUpdate(definition: KubeObject, old: KubeObject): FieldError[] {
  const found = new Findings();
  const [spec, oldSpec] = [objectIn(definition, 'spec'), objectIn(old, 'spec')];
  const [names, oldNames] = [objectIn(spec, 'names'), objectIn(oldSpec, 'names')];
  found.immutable('spec.group', spec['group'], oldSpec['group']);
  found.immutable('spec.names.plural', names['plural'], oldNames['plural']);
  const established = listIn(objectIn(old, 'status'), 'conditions').some(
    (item) => textIn(item, 'type') === 'Established' && textIn(item, 'status') === 'True',
  );
  if (established) {
    found.immutable('spec.scope', spec['scope'], oldSpec['scope']);
    found.immutable('spec.names.kind', names['kind'], oldNames['kind']);
  }
  checkStoredVersions(definition, found);
  return found.all();
}

/** A version in which objects may lie in the store must stay. */
export function checkStoredVersions(definition: KubeObject, found: Findings): void {
  const versions = new Set(listIn(objectIn(definition, 'spec'), 'versions').map((version) => textIn(version, 'name')));
  listIn(objectIn(definition, 'status'), 'storedVersions').forEach((name, index) => {
    if (typeof name !== 'string' || versions.has(name)) return;
    const why = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    found.invalid(`status.storedVersions[${index}]`, name, why);
  });
}
