import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatAmount, minus, parseAmount, plus, zero } from './amount.ts';

describe('amounts', () => {
  it.each([
    ['0', '0'],
    ['0.5', '500m'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['1000m', '1'],
    ['1000', '1k'],
    ['1e3', '1k'],
    ['100n', '100n'],
    ['0.1n', '1n'],
    ['-2Ki', '-2Ki'],
    ['9Ei', '9Ei'],
  ])('%s is written %s', (text, canonical) => {
    expect(formatAmount(parseAmount(text))).toBe(canonical);
  });

  it.each(['', '.', 'm', '1x', '1 Gi', 'NaN', '1'.repeat(65)])('%j counts as nothing', (text) => {
    expect(parseAmount(text)).toEqual(zero);
  });

  it('keeps the form of the first', () => {
    expect(formatAmount(plus(parseAmount('1Gi'), parseAmount('1k')))).toBe('1073742824');
    expect(formatAmount(plus(parseAmount('1Gi'), parseAmount('1Gi')))).toBe('2Gi');
    expect(formatAmount(plus(zero, parseAmount('1Gi')))).toBe('1Gi');
    expect(formatAmount(minus(parseAmount('1'), parseAmount('2')))).toBe('0');
  });

  it('adds up exactly, and reads what it writes', () => {
    const text = fc
      .tuple(fc.nat(1_000_000), fc.constantFrom('', 'm', 'k', 'Ki', 'Mi', 'G', 'Gi', 'Ei'))
      .map(([n, unit]) => `${n}${unit}`);
    fc.assert(
      fc.property(fc.array(text, { maxLength: 50 }), (texts) => {
        const total = texts.map(parseAmount).reduce(plus, zero);
        expect(total.nanos).toBe(texts.reduce((sum, one) => sum + parseAmount(one).nanos, 0n));
        const again = parseAmount(formatAmount(total));
        // Binary amounts are written in whole pieces.
        expect(again.nanos - total.nanos).toBeGreaterThanOrEqual(0n);
        expect(again.nanos - total.nanos).toBeLessThan(1_000_000_000n);
        if (!total.binary) expect(again.nanos).toBe(total.nanos);
      }),
    );
  });
});
