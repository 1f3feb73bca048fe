/**
 * OpenAPI 2.0, the older form: the definitions of all kinds, as clients use them to check objects on their side. Operations are
 * in the documents of version 3 alone.
 */
import type { OpenApiSchema } from '@timonel/sdk/contracts/api-server';
import { isJsonObject, type JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { collectSchemas } from './openapi.ts';

const refPrefix3 = '#/components/schemas/';
const refPrefix2 = '#/definitions/';

/** What version 3 says with `oneOf`, version 2 says with a type and a format. */
const plainTypes: Readonly<Record<string, JsonObject>> = {
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: 'string', format: 'int-or-string' },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string' },
};

function converted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(converted);
  if (!isJsonObject(value)) return value;
  const { allOf, oneOf: _oneOf, nullable: _nullable, ...rest } = value;
  // A reference with words of its own stands in an `allOf` of one.
  const [only, ...others] = Array.isArray(allOf) ? (allOf as unknown[]) : [];
  const merged = isJsonObject(only) && others.length === 0 ? { ...rest, ...only } : rest;
  const entries = Object.entries(merged).map(([name, member]) => {
    if (name === '$ref' && typeof member === 'string') return [name, member.replace(refPrefix3, refPrefix2)];
    // Names of properties are free: one may be called `allOf`.
    if (name === 'properties' && isJsonObject(member)) return [name, mapped(member)];
    return [name, converted(member)];
  });
  return Object.fromEntries(entries) as JsonObject;
}

function mapped(properties: JsonObject): JsonObject {
  const schemas: JsonObject = {};
  for (const [name, schema] of Object.entries(properties)) schemas[name] = converted(schema);
  return schemas;
}

export interface OpenApiV2 {
  readonly swagger: '2.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: JsonObject;
  readonly definitions: Readonly<Record<string, JsonObject>>;
}

export function openApiV2(kinds: readonly Kind[], schemas: Readonly<Record<string, OpenApiSchema>>): OpenApiV2 {
  const reached = collectSchemas(
    kinds.map(({ definition }) => definition.schema),
    schemas,
  );
  const definitions: Record<string, JsonObject> = {};
  for (const name of Object.keys(reached).sort()) {
    const plain = Object.hasOwn(plainTypes, name) ? plainTypes[name] : undefined;
    const schema = reached[name] as JsonObject;
    definitions[name] =
      plain === undefined ? (converted(schema) as JsonObject) : { description: schema['description'], ...plain };
  }
  return { swagger: '2.0', info: { title: 'Kubernetes', version: 'v1.35.0' }, paths: {}, definitions };
}
