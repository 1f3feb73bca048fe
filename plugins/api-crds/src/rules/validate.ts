/** Validation of objects by the rules of their schema. */
import { ExpressionBudget } from '@timonel/sdk/admission';
import { maxMessageBytes, type CelProgram } from '@timonel/sdk/cel';
import type { Findings } from '@timonel/sdk/kube';
import { canonical, equalJson, keyOf } from '../schema/equal.ts';
import { isJson, type Json, type Schema } from '../schema/schema.ts';
import { rulesOf, type CompiledRule } from './compile.ts';

type Old = { readonly value: unknown } | undefined;

/** More would tell nobody more. */
const mostFindings = 200;
/** Of each evaluation, also of a rule that costs nothing. */
const evaluationWork = 200;
const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run';

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}

export class RuleValidation {
  readonly #found: Findings;
  #isOutOfBudget = false;
  readonly #budget = ExpressionBudget.ofRules();

  constructor(found: Findings) {
    this.#found = found;
  }

  get #isOver(): boolean {
    return this.#isOutOfBudget || this.#found.all().length >= mostFindings;
  }

  /** In steps, between which others may have their turn. `old`: the value before the update, where there was one that can be told. */
  *value(value: unknown, schema: Schema, path: string, old: Old, root = false): Generator<void> {
    if (!schema.hasRules || this.#isOver || value === null || value === undefined) return;
    yield;
    const isSame = old !== undefined && equalJson(value, old.value);
    for (const compiled of rulesOf(schema, root)) {
      yield;
      if (this.#isOver) return;
      // What was there before may stay; only what compares must hold.
      if (isSame && !compiled.isTransition) continue;
      if (compiled.isTransition && old === undefined && compiled.rule.optionalOldSelf !== true) continue;
      this.#rule(compiled, { value, path, old, type: schema.type ?? '' });
    }
    if (Array.isArray(value)) yield* this.#items(value, schema, path, old);
    else if (isJson(value)) yield* this.#members(value, schema, path, old);
  }

  *#items(list: readonly unknown[], schema: Schema, path: string, old: Old): Generator<void> {
    const { items } = schema;
    if (items === undefined || !items.hasRules) return;
    const before = oldItems(schema, old);
    for (const [index, item] of list.entries()) yield* this.value(item, items, `${path}[${index}]`, before(item));
  }

  *#members(object: Json, schema: Schema, path: string, old: Old): Generator<void> {
    const before = old !== undefined && isJson(old.value) ? old.value : undefined;
    for (const [name, value] of Object.entries(object)) {
      const member = schema.member(name);
      if (typeof member !== 'object' || !member.hasRules) continue;
      const isField = schema.properties.has(name);
      const at = isField ? (path === '' ? name : `${path}.${name}`) : `${path}[${name}]`;
      const was = before !== undefined && Object.hasOwn(before, name) ? { value: before[name] } : undefined;
      yield* this.value(value, member, at, was);
    }
  }

  #evaluate(program: CelProgram, variables: Readonly<Record<string, unknown>>): ReturnType<CelProgram['evaluate']> {
    const outcome = program.evaluate(variables, this.#budget.limits());
    this.#budget.take({ cost: outcome.cost, work: outcome.work + evaluationWork });
    return outcome;
  }

  #rule(
    { rule, program, message }: CompiledRule,
    { value, path, old, type }: { value: unknown; path: string; old: Old; type: string },
  ): void {
    const at = path === '' ? '<nil>' : path;
    if (this.#budget.isSpent) {
      this.#isOutOfBudget = true;
      this.#found.invalid(at, type, outOfBudget);
      return;
    }
    const variables = { self: value, ...(old === undefined ? {} : { oldSelf: old.value }) };
    const outcome = this.#evaluate(program, variables);
    if (!outcome.ok) {
      const exceeded = `call cost exceeds limit for rule: ${oneLine(rule.rule)}`;
      if (outcome.kind === 'cost') this.#found.invalid(at, type, exceeded);
      else this.#found.invalid(at, type, `${outcome.message} evaluating rule: ${rule.message ?? oneLine(rule.rule)}`);
      return;
    }
    if (outcome.value === true) return;
    const text = (message && this.#message(message, variables)) ?? rule.message ?? `failed rule: ${oneLine(rule.rule)}`;
    this.#report(rule.reason, `${path}${rule.fieldPath ?? ''}` || '<nil>', type, text);
  }

  /** Undefined: there is none of use. */
  #message(program: CelProgram, variables: Readonly<Record<string, unknown>>): string | undefined {
    const outcome = this.#evaluate(program, variables);
    if (!outcome.ok || typeof outcome.value !== 'string') return undefined;
    const text = outcome.value.trim();
    return text === '' || text.includes('\n') || Buffer.byteLength(text) > maxMessageBytes ? undefined : text;
  }

  #report(reason: string | undefined, field: string, type: string, text: string): void {
    switch (reason) {
      case 'FieldValueForbidden':
        this.#found.forbidden(field, text);
        return;
      case 'FieldValueRequired':
        this.#found.required(field, text);
        return;
      case 'FieldValueDuplicate':
        this.#found.duplicate(field, type);
        return;
      default:
        this.#found.invalid(field, type, text);
    }
  }
}

/** Only items of lists with keys can be told from one another, before and after. */
function oldItems({ listType, listMapKeys }: Schema, old: Old): (item: unknown) => Old {
  if (listType !== 'map' || old === undefined || !Array.isArray(old.value)) return () => undefined;
  const key = (item: unknown): string => canonical(keyOf(item, listMapKeys, () => undefined));
  const before = new Map(old.value.map((item: unknown) => [key(item), { value: item }]));
  return (item) => before.get(key(item));
}
