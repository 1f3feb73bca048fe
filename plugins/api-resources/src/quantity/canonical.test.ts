import { describe, expect, it } from '@jest/globals';
import { canonicalQuantity } from './canonical.ts';

describe('canonicalQuantity', () => {
  it.each([
    ['0', '0'],
    ['0Mi', '0'],
    ['0.5', '500m'],
    ['1000m', '1'],
    ['1.5Gi', '1536Mi'],
    ['0.5Gi', '512Mi'],
    ['1024Mi', '1Gi'],
    ['1024', '1024'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['1000k', '1M'],
    ['100n', '100n'],
    ['0.1n', '1n'],
    ['1e3', '1e3'],
    ['2E3', '2e3'],
    ['12e2', '1200'],
    ['-1', '-1'],
    ['.5Ki', '512'],
    [2, '2'],
    [0.1, '100m'],
  ])('%s → %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
    expect(canonicalQuantity(canonical)).toBe(canonical);
  });

  it.each(['', '.', 'm', '1x', '1 Gi', '1Gi1', 'NaN', '1'.repeat(65)])('refuses %j', (text) => {
    expect(canonicalQuantity(text)).toBeUndefined();
  });
});
