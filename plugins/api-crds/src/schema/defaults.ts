/** Fills in defaults, and drops nulls where none may be. */
import type { Budget } from './budget.ts';
import { isJson, type Json, type Schema } from './schema.ts';

/** What a copied character costs: by defaults no object becomes larger than any may be, however often they are filled in. */
const copyCost = 5;

function isStrayNull(value: unknown, schema: Schema): boolean {
  return value === null && !schema.nullable;
}

function setMember(object: Json, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

export class Defaulting {
  /** How many fields were set or dropped. */
  changes = 0;
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Changes the value in place. */
  value(value: unknown, schema: Schema): void {
    this.#budget.spend(1);
    if (Array.isArray(value)) this.#items(value, schema.items);
    else if (isJson(value)) this.#members(value, schema);
  }

  #items(list: unknown[], schema: Schema | undefined): void {
    if (schema === undefined) return;
    for (let index = 0; index < list.length; index += 1) {
      if (isStrayNull(list[index], schema) && schema.default !== undefined) list[index] = this.#copy(schema.default);
      this.value(list[index], schema);
    }
  }

  #members(object: Json, schema: Schema): void {
    if (schema.hasDefaults) this.#missing(object, schema);
    for (const name of Object.keys(object)) {
      const member = schema.member(name);
      if (typeof member !== 'object') continue;
      if (!isStrayNull(object[name], member)) this.value(object[name], member);
      else if (member.default === undefined) {
        delete object[name];
        this.changes += 1;
      } else {
        setMember(object, name, this.#copy(member.default));
        this.value(object[name], member);
      }
    }
  }

  #missing(object: Json, { properties }: Schema): void {
    this.#budget.spend(properties.size);
    for (const [name, member] of properties) {
      if (member.default === undefined || Object.hasOwn(object, name)) continue;
      setMember(object, name, this.#copy(member.default));
    }
  }

  #copy(value: unknown): unknown {
    this.changes += 1;
    this.#budget.spend(copyCost * JSON.stringify(value).length);
    return structuredClone(value);
  }
}
