/**
 * Validation by a structural schema, in the words of the real server. Values that an update leaves as they were are not looked at
 * again: who makes a schema stricter does not lock those out who have objects already.
 */
import { Findings } from '@timonel/sdk/kube';
import type { Budget } from './budget.ts';
import { canonical, equalJson, keyOf } from './equal.ts';
import { isOfFormat } from './formats.ts';
import { matchesPattern } from './patterns.ts';
import { isJson, type Json, type Schema } from './schema.ts';

/** More are of no use to anybody. */
const mostFindings = 200;
/** Of an enum; a finding shows fewer where they are long. */
const mostChoices = 500;

type Old = { readonly value: unknown } | undefined;

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function isOfType(type: string, found: string): boolean {
  return type === found || (type === 'number' && found === 'integer');
}

/** Where a finding is, as messages name it. */
function inBody(path: string): string {
  return path === '' ? '<nil>' : path;
}

function memberPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** What an item or a member was before, where it can be told. */
function memberOf(old: Old, name: string): Old {
  return old !== undefined && isJson(old.value) && Object.hasOwn(old.value, name)
    ? { value: old.value[name] }
    : undefined;
}

export class Check {
  readonly found: Findings;
  readonly #budget: Budget;

  constructor(budget: Budget, found: Findings = new Findings()) {
    this.#budget = budget;
    this.found = found;
  }

  /** `old`: the value before the update. */
  value(value: unknown, schema: Schema, path: string, old?: Old): void {
    this.#budget.spend(1);
    if (this.found.all().length >= mostFindings) return;
    if (old !== undefined && equalJson(value, old.value)) return;
    if (value === null && schema.nullable) return;
    const type = typeOf(value);
    if (!this.#isOfWantedType(schema, type, path)) return;
    this.#enum(value, schema, path);
    if (typeof value === 'string') this.#text(value, schema, path);
    else if (typeof value === 'number') this.#number(value, schema, path);
    else if (Array.isArray(value)) this.#list(value, schema, path, old);
    else if (isJson(value)) this.#object(value, schema, path, old);
    this.#several(value, schema, path);
  }

  #isOfWantedType(schema: Schema, type: string, path: string): boolean {
    if (schema.intOrString) {
      if (type === 'integer' || type === 'string') return true;
      this.found.typeInvalid(inBody(path), type, `${inBody(path)} in body must be of type integer,string: "${type}"`);
      return false;
    }
    const { type: wanted } = schema;
    if (wanted === undefined || isOfType(wanted, type)) return true;
    this.found.typeInvalid(inBody(path), type, `${inBody(path)} in body must be of type ${wanted}: "${type}"`);
    return false;
  }

  #enum(value: unknown, schema: Schema, path: string): void {
    const allowed = schema.enum;
    if (allowed === undefined || schema.enumHas(value)) return;
    const texts = allowed.slice(0, mostChoices).map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
    this.found.notSupported(inBody(path), value, texts);
  }

  #invalid(path: string, value: unknown, what: string): void {
    this.found.invalid(inBody(path), value, `${inBody(path)} in body ${what}`);
  }

  #text(value: string, schema: Schema, path: string): void {
    const { pattern, format } = schema;
    const most = schema.number('maxLength');
    const least = schema.number('minLength');
    const length = most === undefined && least === undefined ? 0 : Array.from(value).length;
    if (most !== undefined && length > most) this.found.tooLong(inBody(path), most);
    if (least !== undefined && length < least) {
      this.#invalid(path, value, `should be at least ${least} chars long`);
    }
    if (pattern !== undefined) {
      this.#budget.spend(value.length);
      if (!matchesPattern(pattern, value)) this.#invalid(path, value, `should match '${pattern}'`);
    }
    if (format !== undefined && !isOfFormat(value, format)) {
      const what = `${inBody(path)} in body must be of type ${format}: ${JSON.stringify(value)}`;
      this.found.typeInvalid(inBody(path), value, what);
    }
  }

  #number(value: number, schema: Schema, path: string): void {
    const most = schema.number('maximum');
    const least = schema.number('minimum');
    const unit = schema.number('multipleOf');
    if (schema.format === 'int32' && (value > 2_147_483_647 || value < -2_147_483_648)) {
      this.found.invalid(inBody(path), value, `Checked value must be of type integer with format int32`);
    }
    if (unit !== undefined && unit > 0 && !isMultiple(value, unit)) {
      this.#invalid(path, value, `should be a multiple of ${unit}`);
    }
    if (most !== undefined) {
      const open = schema.flag('exclusiveMaximum');
      const text = open ? `should be less than ${most}` : `should be less than or equal to ${most}`;
      if (open ? value >= most : value > most) this.#invalid(path, value, text);
    }
    if (least !== undefined) {
      const open = schema.flag('exclusiveMinimum');
      const text = open ? `should be greater than ${least}` : `should be greater than or equal to ${least}`;
      if (open ? value <= least : value < least) this.#invalid(path, value, text);
    }
  }

  #list(list: readonly unknown[], schema: Schema, path: string, old: Old): void {
    const most = schema.number('maxItems');
    const least = schema.number('minItems');
    if (most !== undefined && list.length > most) this.found.tooMany(inBody(path), list.length, most);
    if (least !== undefined && list.length < least) {
      this.#invalid(path, list.length, `should have at least ${least} items`);
    }
    const { items } = schema;
    if (items === undefined) return;
    const before = oldItems(schema, old);
    list.forEach((item, index) => this.value(item, items, `${path}[${index}]`, before?.(item)));
  }

  #object(object: Json, schema: Schema, path: string, old: Old): void {
    const count = Object.keys(object).length;
    const most = schema.number('maxProperties');
    const least = schema.number('minProperties');
    if (most !== undefined && count > most) this.found.tooMany(inBody(path), count, most);
    if (least !== undefined && count < least) this.#invalid(path, count, `should have at least ${least} properties`);
    this.#budget.spend(schema.required.length);
    for (const name of schema.required) {
      if (this.found.all().length >= mostFindings) break;
      if (!Object.hasOwn(object, name)) this.found.required(memberPath(path, name));
    }
    if (schema.embedded) this.#embedded(object, path);
    for (const name of Object.keys(object)) {
      const member = schema.member(name);
      if (typeof member !== 'object') this.#budget.spend(1);
      else this.value(object[name], member, memberPath(path, name), memberOf(old, name));
    }
  }

  #embedded(object: Json, path: string): void {
    for (const name of ['apiVersion', 'kind']) {
      if (typeof object[name] !== 'string' || object[name] === '') {
        this.found.required(memberPath(path, name), 'must not be empty');
      }
    }
  }

  #several(value: unknown, schema: Schema, path: string): void {
    for (const one of schema.several('allOf')) this.value(value, one, path);
    const any = schema.several('anyOf');
    if (any.length > 0 && !any.some((one) => this.#fits(value, one, path))) {
      this.#composed(path, `must validate at least one schema (anyOf)`);
    }
    const one = schema.several('oneOf');
    if (one.length > 0) {
      const fitting = one.filter((alternative) => this.#fits(value, alternative, path)).length;
      if (fitting !== 1) {
        const what = fitting === 0 ? 'Found none valid' : `Found ${fitting} valid alternatives`;
        this.#composed(path, `must validate one and only one schema (oneOf). ${what}`);
      }
    }
    const { not } = schema;
    if (not !== undefined && this.#fits(value, not, path)) this.#composed(path, 'must not validate the schema (not)');
  }

  #composed(path: string, what: string): void {
    this.found.invalid('<nil>', '', `"${path}" ${what}`);
  }

  #fits(value: unknown, schema: Schema, path: string): boolean {
    this.#budget.spend(10);
    const check = new Check(this.#budget);
    check.value(value, schema, path);
    return check.found.all().length === 0;
  }
}

function isMultiple(value: number, unit: number): boolean {
  const times = value / unit;
  return Math.abs(times - Math.round(times)) < 1e-9;
}

/** What an item was before: only those with keys can be found again. */
function oldItems(schema: Schema, old: Old): ((item: unknown) => Old) | undefined {
  if (schema.listType !== 'map' || old === undefined || !Array.isArray(old.value)) return undefined;
  const key = (item: unknown): string => canonical(keyOf(item, schema.listMapKeys, () => undefined));
  const before = new Map(old.value.map((item: unknown) => [key(item), { value: item }]));
  return (item) => before.get(key(item));
}
