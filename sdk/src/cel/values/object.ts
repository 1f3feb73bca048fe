import type { CelObjectType } from '../types/type.ts';
import { dynType } from '../types/type.ts';
import { fromJson } from './json.ts';
import type { CelValue } from './value.ts';

/** Values whose type names their fields. */
export abstract class CelObject {
  readonly celKind = 'object';
  readonly type: CelObjectType;
  constructor(type: CelObjectType) {
    this.type = type;
  }
  /** By the name that expressions use; undefined: absent. */
  abstract get(field: string): CelValue | undefined;
  /** Names of those that are present. */
  abstract fields(): string[];
}

/** JSON of an object with a schema. */
export class CelJsonObject extends CelObject {
  readonly #raw: Readonly<Record<string, unknown>>;
  /** Lists, maps and objects that were looked at: what they count is counted once. */
  #known: Map<string, CelValue> | undefined;

  constructor(type: CelObjectType, raw: Readonly<Record<string, unknown>>) {
    super(type);
    this.#raw = raw;
  }

  get(field: string): CelValue | undefined {
    const known = this.#known?.get(field);
    if (known !== undefined) return known;
    const declared = this.type.fields === undefined ? { name: field, type: dynType } : this.type.fields.get(field);
    if (declared === undefined || !Object.hasOwn(this.#raw, declared.name)) return undefined;
    const raw = this.#raw[declared.name];
    if (raw === undefined) return undefined;
    const value = fromJson(raw, declared.type);
    if (typeof value === 'object' && value !== null) (this.#known ??= new Map()).set(field, value);
    return value;
  }

  fields(): string[] {
    if (this.type.fields === undefined) return Object.keys(this.#raw);
    return [...this.type.fields].filter(([, { name }]) => Object.hasOwn(this.#raw, name)).map(([field]) => field);
  }
}

/** Made by an expression: `Object.spec{replicas: 1}`. */
export class CelMessage extends CelObject {
  readonly #values: ReadonlyMap<string, CelValue>;

  constructor(type: CelObjectType, values: ReadonlyMap<string, CelValue>) {
    super(type);
    this.#values = values;
  }

  get(field: string): CelValue | undefined {
    return this.#values.get(field);
  }

  fields(): string[] {
    return [...this.#values.keys()];
  }
}

/** Fields that are computed when an expression first asks for them, such as `variables.x` of admission policies. */
export class CelLazyObject extends CelObject {
  readonly #load: (field: string) => unknown;
  readonly #known = new Map<string, CelValue>();

  /** `load` answers JSON of the declared type of the field, or a value; an error (`new CelError(…)`) where there is none. */
  constructor(type: CelObjectType, load: (field: string) => unknown) {
    super(type);
    this.#load = load;
  }

  get(field: string): CelValue | undefined {
    const known = this.#known.get(field);
    if (known !== undefined) return known;
    const declared = this.type.fields?.get(field);
    if (this.type.fields !== undefined && declared === undefined) return undefined;
    const value = fromJson(this.#load(field), declared?.type ?? dynType);
    this.#known.set(field, value);
    return value;
  }

  fields(): string[] {
    return [...(this.type.fields?.keys() ?? [])];
  }
}
