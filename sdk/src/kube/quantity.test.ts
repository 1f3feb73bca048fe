import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatMilliQuantity, milliQuantity } from './quantity.ts';

it('reads quantities in thousandths, rounded up', () => {
  const cases: [string | number, number | undefined][] = [
    ['0.1', 100],
    ['250m', 250],
    ['12345679n', 13],
    ['64Gi', 68_719_476_736_000],
    ['1e3', 1_000_000],
    [2, 2000],
    ['x', undefined],
  ];
  for (const [text, milli] of cases) expect([text, milliQuantity(text)]).toEqual([text, milli]);
});

it('writes thousandths in the canonical decimal form', () => {
  const texts = [0, 1, 1500, 2000, 3_000_000, 12_000_000_000, 13.2].map(formatMilliQuantity);
  expect(texts).toEqual(['0', '1m', '1500m', '2', '3k', '12M', '14m']);
});

it('reads what it has written', () => {
  fc.assert(fc.property(fc.nat(2 ** 31), (milli) => expect(milliQuantity(formatMilliQuantity(milli))).toBe(milli)));
});
