import { expect, it } from '@jest/globals';
import { compiled } from '../testing/evaluated.ts';
import { dynType } from '../types/type.ts';
import { celToJson } from './to-json.ts';
import type { CelValue } from './value.ts';

function json(expression: string, variables: Record<string, unknown> = {}): unknown {
  const outcome = compiled(expression, { variables: { d: dynType } }).evaluate(variables);
  if (!outcome.ok) return outcome.message;
  const written = celToJson(outcome.value);
  return written.ok ? written.json : written.message;
}

it('writes values as an API server takes them', () => {
  expect(
    json(`{'a': [dyn(1), 1.5, 2u, null, true, b'hi', duration('1m'), timestamp(0), optional.of(1), type(1)]}`),
  ).toEqual({
    a: [1, 1.5, 2, null, true, 'aGk=', '60s', '1970-01-01T00:00:00Z', 1, 'int'],
  });
  const given = { a: { b: [1, { __proto: 'x' }] } };
  expect(json('d', { d: given })).toEqual(given);
  expect(json(`[quantity('1.5k'), quantity('5m')]`)).toEqual(['1500', '5m']);
});

it('refuses what has no JSON, or too much of it', () => {
  expect(json('{1: 2}')).toBe('keys must be strings, not int');
  expect(json('9007199254740993')).toBe('9007199254740993 cannot be written exactly');
  const doubling = Array.from({ length: 40 }, (_, at) => `cel.bind(x${at + 1}, [x${at}, x${at}], `).join('');
  expect(json(`cel.bind(x0, [1], ${doubling}x40${')'.repeat(41)}`)).toBe('value is too large: more than 200000 parts');
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level += 1) deep = [deep];
  expect(json('d', { d: deep })).toBe('value nests too deeply: more than 200 levels');
  expect(celToJson(null as CelValue)).toEqual({ ok: true, json: null });
});
