/** Types of CEL from the structural schemas of CustomResourceDefinitions and of built-in kinds. */
import { maxRequestBytes } from '../limits.ts';
import { escapeName } from './names.ts';
import {
  boolType,
  doubleType,
  durationType,
  dynType,
  intType,
  nullType,
  stringType,
  timestampType,
  type CelField,
  type CelObjectType,
  type CelType,
} from './type.ts';

/** The part of an OpenAPI v3 schema that matters here. */
export interface CelSchema {
  readonly type?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly properties?: Readonly<Record<string, CelSchema>>;
  readonly additionalProperties?: CelSchema | boolean;
  readonly items?: CelSchema | readonly CelSchema[];
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly default?: unknown;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

interface Options {
  /** The resource itself: apiVersion, kind and metadata are there even if the schema is silent. */
  readonly root?: boolean;
  /** Schemas that contain themselves have no type. */
  readonly maxDepth?: number;
}

interface Context {
  readonly depth: number;
  readonly path: string;
}

/** A type, and how few bytes of JSON a value of it takes: what fits into a request bounds lists without `maxItems`. */
interface Sized {
  readonly type: CelType;
  readonly minBytes: number;
}

const metadata: CelObjectType = {
  kind: 'object',
  name: 'ObjectMeta',
  fields: new Map([
    ['name', { name: 'name', type: stringType }],
    ['generateName', { name: 'generateName', type: stringType }],
  ]),
};

const resourceFields: readonly (readonly [string, CelField])[] = [
  ['apiVersion', { name: 'apiVersion', type: stringType }],
  ['kind', { name: 'kind', type: stringType }],
  ['metadata', { name: 'metadata', type: metadata }],
];

/** How many elements of so many bytes, with a comma each, fit into a request. */
const fitting = (minBytes: number): number => Math.floor((maxRequestBytes - 2) / (minBytes + 1));

const atLeastZero = (value: number): number => Math.max(0, value);

const nullable = <T extends CelType>(type: T, schema: CelSchema): T =>
  schema.nullable === true ? { ...type, nullable: true } : type;

function textOf(schema: CelSchema): Sized {
  switch (schema.format) {
    case 'byte':
      return { type: { kind: 'bytes', maxLength: atLeastZero(schema.maxLength ?? maxRequestBytes - 2) }, minBytes: 2 };
    case 'duration':
      return { type: durationType, minBytes: 4 };
    case 'date':
      return { type: timestampType, minBytes: 12 };
    case 'date-time':
      return { type: timestampType, minBytes: 22 };
    default:
  }
  const values = schema.enum?.filter((value) => typeof value === 'string').map((value) => value.length) ?? [];
  // A letter may take four bytes of UTF-8, and Kubernetes estimates bytes.
  const longest = values.length > 0 ? values.reduce((most, length) => Math.max(most, length)) : maxRequestBytes - 2;
  const maxLength = schema.maxLength === undefined ? longest : atLeastZero(schema.maxLength) * 4;
  return { type: { kind: 'string', maxLength }, minBytes: 2 };
}

function listOf(schema: CelSchema, context: Context): Sized | undefined {
  const items = schema.items;
  if (items === undefined || Array.isArray(items)) return undefined;
  const element = sized(items as CelSchema, { depth: context.depth - 1, path: `${context.path}.@items` });
  if (element === undefined) return undefined;
  const kind = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  const type: CelType = {
    kind: 'list',
    element: element.type,
    maxItems: atLeastZero(schema.maxItems ?? fitting(element.minBytes)),
    ...(kind === 'set' || kind === 'map' || kind === 'atomic' ? { listType: kind } : {}),
    ...(keys === undefined ? {} : { mapKeys: keys.map((key) => escapeName(key) ?? key) }),
  };
  return { type, minBytes: 2 };
}

function mapOf(schema: CelSchema, values: CelSchema, context: Context): Sized | undefined {
  const value = sized(values, { depth: context.depth - 1, path: `${context.path}.@values` });
  if (value === undefined) return undefined;
  // A short key with its quotes, and a colon.
  const maxProperties = atLeastZero(schema.maxProperties ?? fitting(value.minBytes + 5));
  return { type: { kind: 'map', key: stringType, value: value.type, maxProperties }, minBytes: 2 };
}

function objectOf(schema: CelSchema, context: Context, resource: boolean): Sized {
  const fields = new Map<string, CelField>();
  const required = new Set(schema.required);
  let minBytes = 2;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(name);
    const field = sized(property, { depth: context.depth - 1, path: `${context.path}.${name}` });
    if (field === undefined) continue;
    if (required.has(name) && property.default === undefined) minBytes += name.length + 4 + field.minBytes;
    if (escaped !== undefined) fields.set(escaped, { name, type: field.type });
  }
  if (resource)
    for (const [name, field] of resourceFields) fields.set(name, resourceField(name, field, fields.get(name)));
  return { type: { kind: 'object', name: context.path, fields }, minBytes };
}

/** What a schema says of the metadata of a resource is beside its name not of interest. */
function resourceField(name: string, field: CelField, declared: CelField | undefined): CelField {
  if (name !== 'metadata' || declared?.type.kind !== 'object') return field;
  const fields = new Map([...(metadata.fields ?? []), ...(declared.type.fields ?? [])]);
  return { name, type: { ...declared.type, fields } };
}

function intOrString({ maxLength, ...schema }: CelSchema): CelType {
  return nullable(maxLength === undefined ? dynType : { ...dynType, maxLength: atLeastZero(maxLength) * 4 }, schema);
}

function sized(schema: CelSchema, context: Context, resource = false): Sized | undefined {
  if (context.depth <= 0) return undefined;
  if (schema['x-kubernetes-int-or-string'] === true) return { type: intOrString(schema), minBytes: 1 };
  const found = typed(schema, context, resource || schema['x-kubernetes-embedded-resource'] === true);
  return found === undefined ? undefined : { ...found, type: nullable(found.type, schema) };
}

function typed(schema: CelSchema, context: Context, resource: boolean): Sized | undefined {
  switch (schema.type) {
    case 'array':
      return listOf(schema, context);
    case 'object': {
      const values = schema.additionalProperties;
      if (typeof values === 'object' && !resource) return mapOf(schema, values, context);
      return objectOf(schema, context, resource);
    }
    case 'string':
      return textOf(schema);
    case 'boolean':
      return { type: boolType, minBytes: 4 };
    case 'integer':
      return { type: intType, minBytes: 1 };
    case 'number':
      return { type: doubleType, minBytes: 1 };
    case 'null':
      return { type: nullType, minBytes: 4 };
    default:
  }
  return resource ? objectOf(schema, context, true) : undefined;
}

/** Undefined: expressions cannot look at values of the schema. */
export function celTypeOfSchema(
  schema: CelSchema,
  { root = false, maxDepth = 100 }: Options = {},
): CelType | undefined {
  return sized(schema, { depth: maxDepth, path: 'object' }, root)?.type;
}
