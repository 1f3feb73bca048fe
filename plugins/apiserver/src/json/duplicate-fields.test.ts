import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { duplicateFields } from './duplicate-fields.ts';

describe('duplicateFields', () => {
  it('finds members given twice, with their path', () => {
    expect(duplicateFields('{"a":1,"b":{"c":1,"c":2},"a":3}')).toEqual(['b.c', 'a']);
    expect(duplicateFields('[{"x":1},{"x":1,"x":[{"y":"{\\"y\\":","y":1}]}]')).toEqual(['[1].x', '[1].x[0].y']);
    expect(duplicateFields(String.raw`{"a":1,"\u0061":2}`)).toEqual(['a']);
  });

  it('finds none in what JSON.stringify writes', () => {
    fc.assert(fc.property(fc.json(), (text) => expect(duplicateFields(text)).toEqual([])));
  });
});
