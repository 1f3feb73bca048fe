/** Schemas of built-in kinds with what they refer to put into its place. */
import type { CelSchema } from '@timonel/sdk/cel';
import type { OpenApiSchema } from '@timonel/sdk/contracts/api-server';

type Schemas = Readonly<Record<string, OpenApiSchema>>;

const prefix = '#/components/schemas/';
/** Parts of one schema; what comes after them may be anything. */
const mostNodes = 20_000;
/** May be anything: known only when an expression runs. */
const anything: CelSchema = { 'x-kubernetes-int-or-string': true };
/** Objects carry them as texts. */
const texts: ReadonlySet<string> = new Set(['io.k8s.apimachinery.pkg.api.resource.Quantity']);

function referred(schema: OpenApiSchema): string | undefined {
  const [only] = (schema['allOf'] as readonly OpenApiSchema[] | undefined) ?? [schema];
  const reference = (only ?? schema)['$ref'];
  return typeof reference === 'string' ? reference.slice(prefix.length) : undefined;
}

class Inlining {
  readonly #schemas: Schemas;
  /** Types around the one that is looked at: what contains itself ends there. */
  readonly #around = new Set<string>();
  #nodes = 0;

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  /** Undefined: there is none of the key. */
  type(key: string): CelSchema | undefined {
    const schema = Object.hasOwn(this.#schemas, key) ? this.#schemas[key] : undefined;
    if (schema === undefined) return undefined;
    if (this.#around.has(key)) return anything;
    this.#around.add(key);
    const resolved = this.#resolved(schema);
    this.#around.delete(key);
    return resolved;
  }

  #resolved(schema: OpenApiSchema): CelSchema {
    this.#nodes += 1;
    if (this.#nodes > mostNodes) return anything;
    const key = referred(schema);
    if (key !== undefined) return texts.has(key) ? { type: 'string' } : (this.type(key) ?? anything);
    if (schema['x-kubernetes-preserve-unknown-fields'] === true || schema['type'] === undefined) return anything;
    const { properties, additionalProperties, items, ...rest } = schema;
    if (rest['type'] === 'object' && properties === undefined && additionalProperties === undefined) return anything;
    return {
      ...rest,
      ...(properties === undefined ? {} : { properties: this.#members(properties) }),
      ...(typeof additionalProperties === 'object' && additionalProperties !== null
        ? { additionalProperties: this.#resolved(additionalProperties as OpenApiSchema) }
        : {}),
      ...(items === undefined ? {} : { items: this.#resolved(items as OpenApiSchema) }),
    };
  }

  #members(properties: unknown): Record<string, CelSchema> {
    const entries = Object.entries(properties as Readonly<Record<string, OpenApiSchema>>);
    return Object.fromEntries(entries.map(([key, value]) => [key, this.#resolved(value)]));
  }
}

/** Undefined: there is none of the key. */
export function inlined(key: string, schemas: Schemas): CelSchema | undefined {
  return new Inlining(schemas).type(key);
}
