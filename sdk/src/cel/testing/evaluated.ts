/** What expressions become, as plain values that tests compare. */
import { expect } from '@jest/globals';
import type { CelEnvironment } from '../environment.ts';
import { compile, type CelProgram } from '../program.ts';
import { celProblemsText } from '../problem.ts';
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { CelObject } from '../values/object.ts';
import { durationText, timestampText } from '../values/time.ts';
import { CelDuration, CelOptional, CelTimestamp, CelTypeValue, CelUint, type CelValue } from '../values/value.ts';

/** int: bigint, uint: `{ uint }`, double: number. */
export function plain(value: CelValue): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof CelUint) return { uint: value.value };
  if (value instanceof CelList) return value.values().map(plain);
  if (value instanceof CelMap) return new Map(value.keys().map((key) => [plain(key), plain(value.get(key) ?? null)]));
  if (value instanceof CelObject)
    return Object.fromEntries(value.fields().map((field) => [field, plain(value.get(field) ?? null)]));
  if (value instanceof CelTimestamp) return timestampText(value);
  if (value instanceof CelDuration) return durationText(value);
  if (value instanceof CelTypeValue) return { type: value.name };
  if (value instanceof CelOptional) return { optional: value.value === undefined ? undefined : plain(value.value) };
  return 'message' in value ? { error: value.message } : value.text();
}

export function compiled(expression: string, environment: CelEnvironment = { variables: {} }): CelProgram {
  const compilation = compile(expression, environment);
  if (!compilation.ok) throw new Error(celProblemsText(expression, compilation.problems));
  return compilation.program;
}

export function evaluated(
  expression: string,
  variables: Readonly<Record<string, unknown>> = {},
  environment: CelEnvironment = { variables: {} },
): unknown {
  const outcome = compiled(expression, environment).evaluate(variables);
  return outcome.ok ? plain(outcome.value) : { error: outcome.message };
}

/** Messages of problems, with line and column. */
export function problems(expression: string, environment: CelEnvironment = { variables: {} }): string[] {
  const compilation = compile(expression, environment);
  return compilation.ok ? [] : compilation.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

/** Each expression with what it becomes. */
export function expectAll(
  cases: readonly (readonly [string, unknown])[],
  variables: Readonly<Record<string, unknown>> = {},
  environment?: CelEnvironment,
): void {
  const found = cases.map(([expression]) => {
    try {
      return [expression, evaluated(expression, variables, environment)];
    } catch (error) {
      return [expression, (error as Error).message];
    }
  });
  expect(found).toEqual(cases);
}
