import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { IndexSet } from './index-set.ts';

describe('IndexSet', () => {
  it.each([
    ['', ''],
    ['0', '0'],
    ['0,1', '0,1'],
    ['0-2', '0-2'],
    ['4,0-2,3,9', '0-4,9'],
    ['1,x,-,5-3,7', '1,7'],
  ])('reads %j as %j', (text, written) => {
    expect(IndexSet.parse(text).toString()).toBe(written);
  });

  it('leaves out what is not below the limit', () => {
    expect(IndexSet.parse('0-9,12', 5).toString()).toBe('0-4');
  });

  it('holds a million indexes as one range', () => {
    const set = IndexSet.parse('0-999999');
    expect(set.size).toBe(1_000_000);
    expect(set.firstMissing(3, 1_000_002)).toEqual([1_000_000, 1_000_001]);
  });

  it('knows at once what two sets of very many ranges have in common', () => {
    const multiples = (of: number): IndexSet => IndexSet.of(Array.from({ length: 60_000 }, (_, n) => n * of));
    expect(multiples(2).common(multiples(3))).toBe(20_000);
  });

  const indexes = fc.array(fc.nat(30), { maxLength: 20, size: 'max' });
  it('is a set of numbers', () => {
    fc.assert(
      fc.property(indexes, indexes, fc.nat(40), fc.nat(10), (a, b, limit, count) => {
        const [left, right] = [new Set(a), new Set(b)];
        const both = new Set([...a, ...b]);
        const set = IndexSet.of(a);
        expect(set.size).toBe(left.size);
        expect(IndexSet.parse(set.toString()).toString()).toBe(set.toString());
        expect(set.with(b).toString()).toBe(IndexSet.of(both).toString());
        expect(set.union(IndexSet.of(b)).size).toBe(both.size);
        expect(set.common(IndexSet.of(b))).toBe([...left].filter((index) => right.has(index)).length);
        for (let index = 0; index <= 30; index += 1) expect(set.has(index)).toBe(left.has(index));
        const missing = Array.from({ length: limit }, (_, index) => index).filter((index) => !left.has(index));
        expect(set.firstMissing(count, limit)).toEqual(missing.slice(0, count));
      }),
    );
  });
});
