/** A structural schema in the form that pruning, defaulting and validation walk over. Parts are made when they are first needed. */

import { canonical } from './equal.ts';
import { isJson, type Json } from './json.ts';

export { isJson, type Json } from './json.ts';

/** A rule in CEL: `x-kubernetes-validations`. */
export interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

function textIn(raw: Json, name: string): string | undefined {
  const value = raw[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberIn(raw: Json, name: string): number | undefined {
  const value = raw[name];
  return typeof value === 'number' ? value : undefined;
}

function textsIn(raw: Json, name: string): readonly string[] {
  const value = raw[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function propertiesOf(raw: unknown): ReadonlyMap<string, Schema> {
  const made = new Map<string, Schema>();
  if (!isJson(raw)) return made;
  for (const [name, one] of Object.entries(raw)) if (isJson(one)) made.set(name, new Schema(one));
  return made;
}

export class Schema {
  readonly raw: Json;
  readonly type: string | undefined;
  readonly format: string | undefined;
  readonly nullable: boolean;
  /** Unknown fields are kept. */
  readonly preserves: boolean;
  /** An object with apiVersion, kind and metadata of its own. */
  readonly embedded: boolean;
  readonly intOrString: boolean;
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[];
  readonly required: readonly string[];
  readonly pattern: string | undefined;
  readonly default: unknown;
  #properties: ReadonlyMap<string, Schema> | undefined;
  #items: Schema | undefined;
  #values: Schema | boolean | undefined;
  #nested: Partial<Record<'allOf' | 'anyOf' | 'oneOf', readonly Schema[]>> = {};
  #not: Schema | undefined;
  #allowed: ReadonlySet<string> | undefined;
  #hasDefaults: boolean | undefined;
  #hasRules: boolean | undefined;

  constructor(raw: Json) {
    this.raw = raw;
    this.type = textIn(raw, 'type');
    this.format = textIn(raw, 'format');
    this.nullable = raw['nullable'] === true;
    this.preserves = raw['x-kubernetes-preserve-unknown-fields'] === true;
    this.embedded = raw['x-kubernetes-embedded-resource'] === true;
    this.intOrString = raw['x-kubernetes-int-or-string'] === true;
    this.listType = textIn(raw, 'x-kubernetes-list-type');
    this.listMapKeys = textsIn(raw, 'x-kubernetes-list-map-keys');
    this.required = textsIn(raw, 'required');
    this.pattern = textIn(raw, 'pattern');
    this.default = raw['default'];
  }

  get properties(): ReadonlyMap<string, Schema> {
    this.#properties ??= propertiesOf(this.raw['properties']);
    return this.#properties;
  }

  /** Of an array. */
  get items(): Schema | undefined {
    const items = this.raw['items'];
    if (isJson(items)) this.#items ??= new Schema(items);
    return this.#items;
  }

  /** Of a map: the schema of its values, or `true` when they may be anything. */
  get values(): Schema | boolean {
    if (this.#values === undefined) {
      const values = this.raw['additionalProperties'];
      this.#values = isJson(values) ? new Schema(values) : values === true;
    }
    return this.#values;
  }

  get not(): Schema | undefined {
    const not = this.raw['not'];
    if (isJson(not)) this.#not ??= new Schema(not);
    return this.#not;
  }

  get enum(): readonly unknown[] | undefined {
    const values = this.raw['enum'];
    return Array.isArray(values) && values.length > 0 ? values : undefined;
  }

  enumHas(value: unknown): boolean {
    this.#allowed ??= new Set((this.enum ?? []).map(canonical));
    return this.#allowed.has(canonical(value));
  }

  get rules(): readonly Rule[] {
    const rules = this.raw['x-kubernetes-validations'];
    return Array.isArray(rules) ? (rules as Rule[]) : [];
  }

  number(
    name:
      | 'maximum'
      | 'minimum'
      | 'multipleOf'
      | 'maxLength'
      | 'minLength'
      | 'maxItems'
      | 'minItems'
      | 'maxProperties'
      | 'minProperties',
  ): number | undefined {
    return numberIn(this.raw, name);
  }

  flag(name: 'exclusiveMaximum' | 'exclusiveMinimum'): boolean {
    return this.raw[name] === true;
  }

  /** `allOf`, `anyOf`, `oneOf`: they hold validations alone. */
  several(name: 'allOf' | 'anyOf' | 'oneOf'): readonly Schema[] {
    let schemas = this.#nested[name];
    if (schemas === undefined) {
      const raw = this.raw[name];
      schemas = Array.isArray(raw) ? raw.filter(isJson).map((one) => new Schema(one)) : [];
      this.#nested[name] = schemas;
    }
    return schemas;
  }

  /** Of a member of an object; undefined: it is unknown. `true`: it may be anything. */
  member(name: string): Schema | true | undefined {
    const { values } = this;
    return this.properties.get(name) ?? (values === false ? undefined : values);
  }

  /** Whether there is a rule here or below. */
  get hasRules(): boolean {
    this.#hasRules ??=
      this.rules.length > 0 ||
      [...this.properties.values()].some((one) => one.hasRules) ||
      this.items?.hasRules === true ||
      (typeof this.values === 'object' && this.values.hasRules);
    return this.#hasRules;
  }

  /** Whether there is a default here or below. */
  get hasDefaults(): boolean {
    this.#hasDefaults ??=
      this.default !== undefined ||
      [...this.properties.values()].some((one) => one.hasDefaults) ||
      this.items?.hasDefaults === true ||
      (typeof this.values === 'object' && this.values.hasDefaults);
    return this.#hasDefaults;
  }
}
