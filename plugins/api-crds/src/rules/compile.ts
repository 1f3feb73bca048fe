/** Rules in CEL: from their text to what can be evaluated. */
import {
  boolType,
  celProblemsText,
  celTypeOfSchema,
  compile,
  optionalType,
  stringType,
  type CelProgram,
  type CelType,
} from '@timonel/sdk/cel';
import type { Rule, Schema } from '../schema/schema.ts';

export interface CompiledRule {
  readonly rule: Rule;
  readonly program: CelProgram;
  readonly message: CelProgram | undefined;
  /** It compares with the value before an update. */
  readonly isTransition: boolean;
}

export type Compilation =
  | { readonly ok: true; readonly rule: CompiledRule }
  | { readonly ok: false; readonly part: 'rule' | 'messageExpression'; readonly problem: string };

export function typeOf(schema: Schema, root: boolean): CelType | undefined {
  return celTypeOfSchema(schema.raw, { root });
}

function variablesOf(rule: Rule, self: CelType): Readonly<Record<string, CelType>> {
  return { self, oldSelf: rule.optionalOldSelf === true ? optionalType(self) : self };
}

function problemOf(expression: string, problems: Parameters<typeof celProblemsText>[1]): string {
  return `compilation failed: ${celProblemsText(expression, problems)}`;
}

export function compileRule(rule: Rule, self: CelType): Compilation {
  const variables = variablesOf(rule, self);
  const compiled = compile(rule.rule, { variables, results: [boolType] });
  if (!compiled.ok) return { ok: false, part: 'rule', problem: problemOf(rule.rule, compiled.problems) };
  const { program } = compiled;
  const isTransition = program.variables.has('oldSelf');
  const { messageExpression } = rule;
  if (messageExpression === undefined || messageExpression === '') {
    return { ok: true, rule: { rule, program, message: undefined, isTransition } };
  }
  const message = compile(messageExpression, { variables, results: [stringType] });
  return message.ok
    ? { ok: true, rule: { rule, program, message: message.program, isTransition } }
    : { ok: false, part: 'messageExpression', problem: problemOf(messageExpression, message.problems) };
}

interface Place {
  readonly type: CelType | undefined;
  /** Of each rule; undefined: it does not compile. */
  readonly compiled: (CompiledRule | undefined)[];
}

const known = new WeakMap<Schema, Place>();

function placeOf(schema: Schema, root: boolean): Place {
  let place = known.get(schema);
  if (place === undefined) {
    place = { type: schema.rules.length === 0 ? undefined : typeOf(schema, root), compiled: [] };
    known.set(schema, place);
  }
  return place;
}

/**
 * The rules of a place of a schema, each compiled when it is first asked for. Such as do not compile are left out: they were refused
 * when the definition was written.
 */
export function* rulesOf(schema: Schema, root: boolean): Generator<CompiledRule> {
  const { type, compiled } = placeOf(schema, root);
  if (type === undefined) return;
  for (const [index, rule] of schema.rules.entries()) {
    if (index === compiled.length) {
      const made = compileRule(rule, type);
      compiled.push(made.ok ? made.rule : undefined);
    }
    const one = compiled[index];
    if (one !== undefined) yield one;
  }
}
