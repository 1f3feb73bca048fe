/** A published OpenAPI schema in the form that decoding and strategic merge walk over. Members are resolved when first needed. */
import type { OpenApiSchema } from '@timonel/sdk/contracts/api-server';
import { isJsonObject, own, type JsonObject } from '../json/plain-json.ts';

export type NodeType =
  | 'any'
  | 'object'
  | 'map'
  | 'array'
  | 'string'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'intOrString'
  | 'quantity';

type Schemas = Readonly<Record<string, OpenApiSchema>>;
const refPrefix = '#/components/schemas/';
const quantityKey = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const intOrStringKey = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

interface Resolved {
  readonly schema: JsonObject;
  readonly key: string | undefined;
  readonly outer: JsonObject;
}

/** Follows `$ref`, also inside an `allOf` of one. */
function resolve(schema: JsonObject, schemas: Schemas): Resolved {
  const all = schema['allOf'];
  const inner = Array.isArray(all) && all.length === 1 && isJsonObject(all[0]) ? all[0] : schema;
  const ref = inner['$ref'];
  if (typeof ref !== 'string') return { schema: inner, key: undefined, outer: schema };
  const key = ref.slice(ref.startsWith(refPrefix) ? refPrefix.length : 0);
  const target = own(schemas, key);
  return { schema: isJsonObject(target) ? target : {}, key, outer: schema };
}

function typeOf({ schema, key }: Resolved): NodeType {
  if (key === quantityKey) return 'quantity';
  if (key === intOrStringKey || schema['x-kubernetes-int-or-string'] === true || schema['format'] === 'int-or-string') {
    return 'intOrString';
  }
  if (isJsonObject(schema['properties'])) return 'object';
  if (isJsonObject(schema['additionalProperties'])) return 'map';
  const type = schema['type'];
  if (type === 'array' || type === 'string' || type === 'integer' || type === 'number' || type === 'boolean')
    return type;
  return 'any';
}

export class SchemaNode {
  readonly type: NodeType;
  readonly format: string | undefined;
  /** Unknown members are kept. */
  readonly open: boolean;
  /** `merge`, `retainKeys`, `merge,retainKeys`, `replace` or empty. */
  readonly patchStrategy: string;
  readonly patchMergeKey: string | undefined;
  readonly #schema: JsonObject;
  readonly #schemas: Schemas;
  readonly #members = new Map<string, SchemaNode | undefined>();
  #element: SchemaNode | undefined;

  constructor(schema: JsonObject, schemas: Schemas) {
    const resolved = resolve(schema, schemas);
    this.type = typeOf(resolved);
    this.#schema = resolved.schema;
    this.#schemas = schemas;
    const format = resolved.schema['format'];
    this.format = typeof format === 'string' ? format : undefined;
    this.open = resolved.schema['x-kubernetes-preserve-unknown-fields'] === true;
    const strategy = resolved.outer['x-kubernetes-patch-strategy'] ?? schema['x-kubernetes-patch-strategy'];
    this.patchStrategy = typeof strategy === 'string' ? strategy : '';
    const mergeKey = resolved.outer['x-kubernetes-patch-merge-key'] ?? schema['x-kubernetes-patch-merge-key'];
    this.patchMergeKey = typeof mergeKey === 'string' ? mergeKey : undefined;
  }

  /** Of an object: undefined when the schema does not have it. Of a map: the same for every name. */
  member(name: string): SchemaNode | undefined {
    if (this.type === 'map') return this.element();
    if (this.type !== 'object') return undefined;
    if (!this.#members.has(name)) {
      const property = own(this.#schema['properties'] as JsonObject, name);
      this.#members.set(name, isJsonObject(property) ? new SchemaNode(property, this.#schemas) : undefined);
    }
    return this.#members.get(name);
  }

  /** Of an array: its items; of a map: its values. */
  element(): SchemaNode {
    if (this.#element === undefined) {
      const schema = this.type === 'array' ? this.#schema['items'] : this.#schema['additionalProperties'];
      this.#element = new SchemaNode(isJsonObject(schema) ? schema : {}, this.#schemas);
    }
    return this.#element;
  }
}
