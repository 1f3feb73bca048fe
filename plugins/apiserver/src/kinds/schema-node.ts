/** A published OpenAPI schema in the form that decoding, strategic merge and server-side apply walk over. Members are resolved when first needed. */
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

export type ListType = 'atomic' | 'set' | 'map';

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

/** What a field says goes before what its type says. */
function factOf({ schema, outer }: Resolved, name: string): unknown {
  return outer[name] ?? schema[name];
}

function namesIn(resolved: Resolved, name: string): readonly string[] {
  const names = factOf(resolved, name);
  return Array.isArray(names) ? names.filter((item): item is string => typeof item === 'string').toSorted() : [];
}

function listTypeOf(resolved: Resolved, keys: readonly string[]): ListType {
  const type = factOf(resolved, 'x-kubernetes-list-type');
  if (type === 'set') return 'set';
  return type === 'map' && keys.length > 0 ? 'map' : 'atomic';
}

export class SchemaNode {
  readonly type: NodeType;
  readonly format: string | undefined;
  /** Unknown members are kept. */
  readonly open: boolean;
  /** `merge`, `retainKeys`, `merge,retainKeys`, `replace` or empty. */
  readonly patchStrategy: string;
  readonly patchMergeKey: string | undefined;
  /** How server-side apply sees a list: one value, a set of values, or items with keys. */
  readonly listType: ListType;
  /** The fields that tell the items of a list of type `map` apart. */
  readonly listMapKeys: readonly string[];
  /** An object or map that server-side apply sees as one value. */
  readonly atomicMap: boolean;
  /** What an absent field stands for; undefined when the schema does not say. */
  readonly default: unknown;
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
    this.listMapKeys = namesIn(resolved, 'x-kubernetes-list-map-keys');
    this.listType = listTypeOf(resolved, this.listMapKeys);
    this.atomicMap = factOf(resolved, 'x-kubernetes-map-type') === 'atomic';
    this.default = factOf(resolved, 'default');
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
