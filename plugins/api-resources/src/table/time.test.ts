import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { humanDuration, parseTimestamp, since } from './time.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe('humanDuration', () => {
  it.each([
    [-5 * second, '<invalid>'],
    [-second, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [2 * minute + 3 * second, '2m3s'],
    [10 * minute + 5 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [3 * hour + 15 * minute, '3h15m'],
    [9 * hour + 15 * minute, '9h'],
    [47 * hour, '47h'],
    [2 * day, '2d'],
    [2 * day + 4 * hour, '2d4h'],
    [8 * day + 4 * hour, '8d'],
    [729 * day, '729d'],
    [730 * day, '2y'],
    [800 * day, '2y70d'],
    [3000 * day, '8y'],
  ])('%d ms is %s', (durationMs, text) => {
    expect(humanDuration(durationMs)).toBe(text);
  });
});

describe('parseTimestamp', () => {
  it('reads what Date writes', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true }),
        (date) => {
          expect(parseTimestamp(date.toISOString())).toBe(date.getTime());
        },
      ),
    );
  });

  it('reads offsets and microseconds', () => {
    expect(parseTimestamp('2026-01-02T03:04:05.678901Z')).toBe(Date.parse('2026-01-02T03:04:05.678Z'));
    expect(parseTimestamp('2026-01-02T03:04:05-07:30')).toBe(Date.parse('2026-01-02T03:04:05-07:30'));
  });

  it.each([
    undefined,
    null,
    5,
    '',
    '2026-01-02',
    '2026-13-02T00:00:00Z',
    '2026-01-02 03:04:05Z',
    '2026-01-02T03:04:05',
  ])('refuses %j', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
    expect(since(text, { now: 0 })).toBe('<unknown>');
  });
});
