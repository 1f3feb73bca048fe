import { expect, it } from '@jest/globals';
import { withoutNulls } from './index.ts';

it('leaves out fields that are null, at any depth', () => {
  const object = { a: null, b: { c: null, d: 1 }, e: [{ f: null }, null, 'x'], g: undefined };
  expect(withoutNulls(object)).toEqual({ b: { d: 1 }, e: [{}, null, 'x'], g: undefined });
});

it('answers the very object when there is nothing to leave out', () => {
  const object = { b: { d: 0, e: '' }, e: [{ f: false }] };
  expect(withoutNulls(object)).toBe(object);
  const part = { kept: object, gone: null };
  expect(withoutNulls(part).kept).toBe(object);
});
