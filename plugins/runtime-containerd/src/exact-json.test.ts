import { expect, it } from '@jest/globals';
import { parseExactly, stringifyExactly } from './exact-json.ts';

it.each([
  '{"value":18446744073709551615,"small":5,"list":[-9223372036854775808,0.5,1e3]}',
  '{"text":"a \\"quoted\\" 18446744073709551615, and \\\\","deep":{"n":9223372036854771712}}',
])('comes back as it was: %s', (text) => {
  expect(stringifyExactly(parseExactly(text))).toBe(text.replace('1e3', '1000'));
});

it('takes small numbers as numbers', () => {
  expect(parseExactly('{"a":123,"b":12345678901234567890}')).toEqual({ a: 123, b: 12_345_678_901_234_567_890n });
});
