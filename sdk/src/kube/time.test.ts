import { expect, it } from '@jest/globals';
import { timestampOf } from './time.ts';

it.each([
  [0, '1970-01-01T00:00:00Z'],
  [Date.UTC(2026, 0, 2, 3, 4, 5, 999), '2026-01-02T03:04:05Z'],
  [Date.UTC(2024, 1, 29), '2024-02-29T00:00:00Z'],
  [-1, '1969-12-31T23:59:59Z'],
  [Date.UTC(9999, 11, 31, 23, 59, 59), '9999-12-31T23:59:59Z'],
  [Date.UTC(10_000, 0), '9999-12-31T23:59:59Z'],
  [9e18, '9999-12-31T23:59:59Z'],
  [-9e18, '0000-01-01T00:00:00Z'],
  [Number.POSITIVE_INFINITY, '9999-12-31T23:59:59Z'],
  [Number.NaN, '1970-01-01T00:00:00Z'],
])('the time of %d ms is %s', (ms, text) => {
  expect(timestampOf(ms)).toBe(text);
});
