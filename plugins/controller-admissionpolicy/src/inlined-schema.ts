/** Schemas of built-in kinds with what they refer to put into its place. */
import type { CelSchema } from '@timonel/sdk/cel';
import type { OpenApiSchema } from '@timonel/sdk/contracts/api-server';

type Schemas = Readonly<Record<string, OpenApiSchema>>;

const prefix = '#/components/schemas/';
/** Types that contain themselves end here. */
const mostDepth = 16;
/** May be anything: known only when an expression runs. */
const anything: CelSchema = { 'x-kubernetes-int-or-string': true };
/** Objects carry them as texts. */
const texts: ReadonlySet<string> = new Set(['io.k8s.apimachinery.pkg.api.resource.Quantity']);

function members(schema: OpenApiSchema, name: string, schemas: Schemas, depth: number): Record<string, CelSchema> {
  const entries = Object.entries(schema[name] as Readonly<Record<string, OpenApiSchema>>);
  return Object.fromEntries(entries.map(([key, value]) => [key, resolved(value, schemas, depth)]));
}

function referred(schema: OpenApiSchema): string | undefined {
  const [only] = (schema['allOf'] as readonly OpenApiSchema[] | undefined) ?? [schema];
  const reference = (only ?? schema)['$ref'];
  return typeof reference === 'string' ? reference.slice(prefix.length) : undefined;
}

function resolved(schema: OpenApiSchema, schemas: Schemas, depth: number): CelSchema {
  if (depth > mostDepth) return anything;
  const key = referred(schema);
  if (key !== undefined) {
    if (texts.has(key)) return { type: 'string' };
    const target = Object.hasOwn(schemas, key) ? schemas[key] : undefined;
    return target === undefined ? anything : resolved(target, schemas, depth);
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === true || schema['type'] === undefined) return anything;
  const { properties, additionalProperties, items, ...rest } = schema;
  if (rest['type'] === 'object' && properties === undefined && additionalProperties === undefined) return anything;
  return {
    ...rest,
    ...(properties === undefined ? {} : { properties: members(schema, 'properties', schemas, depth + 1) }),
    ...(typeof additionalProperties === 'object' && additionalProperties !== null
      ? { additionalProperties: resolved(additionalProperties as OpenApiSchema, schemas, depth + 1) }
      : {}),
    ...(items === undefined ? {} : { items: resolved(items as OpenApiSchema, schemas, depth + 1) }),
  };
}

/** Undefined: there is none of the key. */
export function inlined(key: string, schemas: Schemas): CelSchema | undefined {
  const schema = Object.hasOwn(schemas, key) ? schemas[key] : undefined;
  return schema === undefined ? undefined : resolved(schema, schemas, 0);
}
