/** Reads a mapping of a YAML file field by field; what nobody reads is an error. Every error tells the place. */

export class WorkloadError extends Error {
  override readonly name = 'WorkloadError';

  constructor(where: string, problem: string) {
    super(`${where}: ${problem}`);
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value);

const secondsOf: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };
const durationPart = /(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)/g;

/** A duration of Go (`1m30s`) in ms; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text === '' || text.replaceAll(durationPart, '') !== '') return undefined;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(durationPart)) seconds += Number(amount) * (secondsOf[unit ?? ''] ?? 0);
  return seconds * 1000;
}

export type Params = Readonly<Record<string, unknown>>;

export class Fields {
  readonly where: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  constructor(value: unknown, where: string) {
    if (!isMapping(value)) throw new WorkloadError(where, `must be a mapping, not ${kindOf(value)}`);
    this.where = where;
    this.#values = value;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  fail(name: string, problem: string): never {
    throw new WorkloadError(`${this.where}.${name}`, problem);
  }

  /** @throws WorkloadError for a field that was not read */
  end(): void {
    const strange = Object.keys(this.#values).find((name) => !this.#read.has(name));
    if (strange !== undefined)
      this.fail(strange, `unknown field; known here: ${[...this.#read].toSorted().join(', ')}`);
  }

  raw(name: string): unknown {
    this.#read.add(name);
    return this.#values[name] ?? undefined;
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.fail(name, 'is missing');
  }

  optionalText(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    return typeof value === 'string' && value !== '' ? value : this.fail(name, 'must be a text that is not empty');
  }

  flag(name: string): boolean {
    const value = this.raw(name) ?? false;
    return typeof value === 'boolean' ? value : this.fail(name, `must be true or false, not ${kindOf(value)}`);
  }

  /** A whole number that is not negative. */
  whole(name: string): number | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : this.#checkWhole(name, value);
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name) ?? [];
    return Array.isArray(value) ? value : this.fail(name, `must be a list, not ${kindOf(value)}`);
  }

  texts(name: string): readonly string[] {
    return this.list(name).map((value, at) =>
      typeof value === 'string' ? value : this.fail(`${name}[${at}]`, `must be a text, not ${kindOf(value)}`),
    );
  }

  mapping(name: string): Readonly<Record<string, unknown>> {
    const value = this.raw(name) ?? {};
    return isMapping(value) ? value : this.fail(name, `must be a mapping, not ${kindOf(value)}`);
  }

  textMapping(name: string): Readonly<Record<string, string>> {
    const entries = Object.entries(this.mapping(name)).map(([key, value]): [string, string] =>
      typeof value === 'string' ? [key, value] : this.fail(`${name}.${key}`, `must be a text, not ${kindOf(value)}`),
    );
    return Object.fromEntries(entries);
  }

  child(name: string): Fields | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : new Fields(value, `${this.where}.${name}`);
  }

  children(name: string): readonly Fields[] {
    return this.list(name).map((value, at) => new Fields(value, `${this.where}.${name}[${at}]`));
  }

  /** `count`, or the parameter that `countParam` names. */
  count(name: string, params: Params, fallback?: number): number {
    const own = this.whole(name);
    const value = this.param(`${name}Param`, params);
    if (value !== undefined) return this.#checkWhole(`${name}Param`, value);
    return own ?? fallback ?? this.fail(name, `is missing, and so is ${name}Param`);
  }

  flagOrParam(name: string, params: Params): boolean {
    const own = this.flag(name);
    const value = this.param(`${name}Param`, params) ?? own;
    return typeof value === 'boolean'
      ? value
      : this.fail(`${name}Param`, `must name true or false, not ${kindOf(value)}`);
  }

  durationMs(name: string, params: Params): number | undefined {
    const own = this.raw(name);
    const value = this.param(`${name}Param`, params) ?? own;
    if (value === undefined) return undefined;
    const ms = typeof value === 'string' ? parseDuration(value) : undefined;
    return ms ?? this.fail(name, `is no duration such as 500ms or 1m30s: ${JSON.stringify(value)}`);
  }

  /** The value of the parameter that the field names (`$initNodes`). */
  param(name: string, params: Params): unknown {
    const reference = this.optionalText(name);
    if (reference === undefined) return undefined;
    if (!reference.startsWith('$')) this.fail(name, `must name a parameter, as in $initNodes, not "${reference}"`);
    const value = params[reference.slice(1)];
    return value ?? this.fail(name, `the workload has no parameter ${reference.slice(1)}`);
  }

  /** Values that begin with `$` are those of parameters. */
  templateParams(params: Params): Params {
    const entries = Object.entries(this.mapping('templateParams')).map(([key, value]): [string, unknown] => {
      if (typeof value !== 'string' || !value.startsWith('$')) return [key, value];
      const name = value.slice(1);
      return [key, params[name] ?? this.fail(`templateParams.${key}`, `the workload has no parameter ${name}`)];
    });
    return Object.fromEntries(entries);
  }

  #checkWhole(name: string, value: unknown): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
    return this.fail(name, `must be a whole number that is not negative, not ${JSON.stringify(value)}`);
  }
}
