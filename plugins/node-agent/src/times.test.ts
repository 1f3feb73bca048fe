import { describe, expect, it } from '@jest/globals';
import { rfc3339Ms } from './times.ts';

describe('times', () => {
  it('agrees with Date over four centuries', () => {
    for (let ms = Date.UTC(1900, 0, 1); ms < Date.UTC(2300, 0, 1); ms += 86_400_000 * 13 + 12_345_000) {
      const text = new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
      expect(rfc3339Ms(text)).toBe(ms);
    }
  });
  it('reads fractions and offsets', () => {
    expect(rfc3339Ms('2026-01-02T03:04:05.123456789+02:00')).toBe(Date.parse('2026-01-02T03:04:05.123+02:00'));
    expect(rfc3339Ms('yesterday')).toBeNaN();
  });
});
