import { expect, it } from '@jest/globals';
import { pathParameter } from './path-parameter.ts';

it('decodes a parameter of a path', () => {
  expect(pathParameter({ name: 'a%2Fb' }, 'name')).toBe('a/b');
  expect(pathParameter({}, 'name')).toBe('');
  expect(() => pathParameter({ name: '%zz' }, 'name')).toThrow(
    expect.objectContaining({ reason: 'BadRequest', message: expect.stringContaining('%zz') }),
  );
});
