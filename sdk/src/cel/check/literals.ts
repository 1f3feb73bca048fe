/** Literals that functions could only refuse: patterns, times. Said when the expression is read, not when it runs. */
import { compilePattern } from '../library/regex.ts';
import type { Ast, Call } from '../syntax/ast.ts';
import { durationFrom, timestampFrom } from '../values/time.ts';
import type { CelError } from '../values/value.ts';
import { nodesOf } from './variables.ts';

interface Check {
  /** Which argument, where the target counts. */
  readonly argument: number;
  /** How many arguments there are. */
  readonly of: number;
  readonly read: (text: string) => object;
}

const checks: Readonly<Record<string, Check>> = {
  matches: { argument: 1, of: 2, read: compilePattern },
  find: { argument: 1, of: 2, read: compilePattern },
  findAll: { argument: 1, of: 2, read: compilePattern },
  timestamp: { argument: 0, of: 1, read: timestampFrom },
  duration: { argument: 0, of: 1, read: durationFrom },
};

function problemOf(call: Call): { at: number; message: string } | undefined {
  const check = Object.hasOwn(checks, call.name) ? checks[call.name] : undefined;
  const args: readonly Ast[] = call.target === undefined ? call.args : [call.target, ...call.args];
  const literal = check === undefined ? undefined : args[check.argument];
  if (check === undefined || args.length < check.of || literal?.kind !== 'literal') return undefined;
  const read = typeof literal.value === 'string' ? check.read(literal.value) : {};
  if (!('celKind' in read) || read.celKind !== 'error') return undefined;
  return { at: literal.at, message: `invalid ${call.name} argument: ${(read as CelError).message}` };
}

export function problemsOfLiterals(root: Ast): { at: number; message: string }[] {
  const problems = [];
  for (const node of nodesOf(root)) {
    const problem = node.kind === 'call' ? problemOf(node) : undefined;
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}
