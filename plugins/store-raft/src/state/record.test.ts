import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { historyKey, parseHistoryKey } from './record.ts';

describe('historyKey', () => {
  const keys = fc.string({ unit: fc.constantFrom('\u0000', '\u0001', 'a', 'é', '\uffff', '\u{10ffff}'), minLength: 1 });

  it('orders by key, then by revision, and can be read back', () => {
    fc.assert(
      fc.property(keys, keys, fc.nat(), fc.nat(), (left, right, a, b) => {
        const byKey = Buffer.compare(Buffer.from(left), Buffer.from(right));
        expect(Buffer.compare(historyKey(left, a), historyKey(right, b))).toBe(byKey === 0 ? Math.sign(a - b) : byKey);
        expect(parseHistoryKey(historyKey(left, a))).toEqual({ key: left, endRevision: a });
      }),
    );
  });
});
