import type { CelType } from '../types/type.ts';
import { fromJson } from './json.ts';
import { CelError, CelUint, type CelValue } from './value.ts';

type Key = string | boolean | bigint;

/** Numbers that are equal are the same key; undefined: not a key of any map. */
function keyOf(value: CelValue): Key | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (value instanceof CelUint) return value.value;
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  return undefined;
}

/** Maps, and JSON objects whose fields no schema names. */
export abstract class CelMap {
  readonly celKind = 'map';
  abstract readonly size: number;
  /** Undefined: no such key. */
  abstract get(key: CelValue): CelValue | undefined;
  abstract keys(): readonly CelValue[];
  has(key: CelValue): boolean {
    return this.get(key) !== undefined;
  }
}

/** Of a literal or a macro. */
export class CelValueMap extends CelMap {
  readonly #entries = new Map<Key, { readonly key: CelValue; readonly value: CelValue }>();

  /** What is wrong with the key, if anything. */
  add(key: CelValue, value: CelValue): CelError | undefined {
    const own = typeof key === 'number' ? undefined : keyOf(key);
    if (own === undefined) return new CelError('unsupported key type');
    if (this.#entries.has(own)) return new CelError(`Failed with repeated key: ${String(own)}`);
    this.#entries.set(own, { key, value });
    return undefined;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: CelValue): CelValue | undefined {
    const own = keyOf(key);
    return own === undefined ? undefined : this.#entries.get(own)?.value;
  }

  keys(): readonly CelValue[] {
    return [...this.#entries.values()].map(({ key }) => key);
  }
}

/** A JSON object. */
export class CelJsonMap extends CelMap {
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #value: CelType;
  #keys: string[] | undefined;
  /** Lists, maps and objects that were looked at: what they count is counted once. */
  #known: Map<string, CelValue> | undefined;

  constructor(raw: Readonly<Record<string, unknown>>, value: CelType) {
    super();
    this.#raw = raw;
    this.#value = value;
  }

  get size(): number {
    return this.keys().length;
  }

  get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.#raw, key)) return undefined;
    const known = this.#known?.get(key);
    if (known !== undefined) return known;
    const raw = this.#raw[key];
    if (raw === undefined) return undefined;
    const value = fromJson(raw, this.#value);
    if (typeof value === 'object' && value !== null) (this.#known ??= new Map()).set(key, value);
    return value;
  }

  keys(): readonly CelValue[] {
    this.#keys ??= Object.keys(this.#raw);
    return this.#keys;
  }
}
