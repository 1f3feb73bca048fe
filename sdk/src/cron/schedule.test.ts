import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseSchedule, scheduleProblems, timeZoneProblems, zonedTimestamp, type Schedule } from './index.ts';

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | undefined): string => (ms === undefined ? 'never' : new Date(ms).toISOString().slice(0, 16));

function scheduleOf(text: string, zone?: string): Schedule {
  const { schedule, problems } = parseSchedule(text, zone);
  if (schedule === undefined) throw new Error(problems.join());
  return schedule;
}

function times(text: string, from: string, count: number, zone?: string): string[] {
  const schedule = scheduleOf(text, zone);
  const found: string[] = [];
  for (let ms: number | undefined = at(from); found.length < count && ms !== undefined;) {
    ms = schedule.next(ms);
    found.push(iso(ms));
  }
  return found;
}

describe('schedules', () => {
  it.each([
    ['*/15 * * * *', '2026-01-01T00:00:00Z', ['2026-01-01T00:15', '2026-01-01T00:30']],
    ['5/20 * * * *', '2026-01-01T00:00:30Z', ['2026-01-01T00:05', '2026-01-01T00:25', '2026-01-01T00:45']],
    ['0 9-17/4 * * mon-fri', '2026-01-02T17:00:00Z', ['2026-01-05T09:00', '2026-01-05T13:00']],
    ['30 2 1,15 * *', '2026-01-01T02:30:00Z', ['2026-01-15T02:30', '2026-02-01T02:30']],
    ['0 0 13 * fri', '2026-02-01T00:00:00Z', ['2026-02-06T00:00', '2026-02-13T00:00', '2026-02-20T00:00']],
    ['0 0 */10 * mon', '2026-02-01T00:00:00Z', ['2026-02-02T00:00', '2026-02-09T00:00', '2026-02-11T00:00']],
    ['0 0 ? jan 0', '2026-01-02T00:00:00Z', ['2026-01-04T00:00', '2026-01-11T00:00']],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', ['2028-02-29T00:00', '2032-02-29T00:00']],
    ['0 0 30 2 *', '2026-01-01T00:00:00Z', ['never']],
    ['@hourly', '2026-01-01T00:59:59Z', ['2026-01-01T01:00', '2026-01-01T02:00']],
    ['@weekly', '2026-01-01T00:00:00Z', ['2026-01-04T00:00']],
    ['0,,30, 12, * * *', '2026-01-01T13:00:00Z', ['2026-01-02T12:00', '2026-01-02T12:30']],
    ['@monthly', '2026-01-01T00:00:00Z', ['2026-02-01T00:00']],
    ['@annually', '2026-01-01T00:00:00Z', ['2027-01-01T00:00']],
    ['@every 1h30m', '2026-01-01T00:10:00Z', ['2026-01-01T01:40', '2026-01-01T03:10']],
  ])('%s after %s', (text, from, expected) => {
    expect(times(text, from, expected.length)).toEqual(expected);
  });

  it.each([
    ['summer', '0 9 * * *', '2026-06-30T12:00:00Z', 'Europe/Madrid', ['2026-07-01T07:00']],
    ['half hours', '0 0 * * *', '2026-01-01T00:00:00Z', 'Asia/Kolkata', ['2026-01-01T18:30']],
    ['west of the date line', '0 0 1 * *', '2026-01-01T00:00:00Z', 'Pacific/Kiritimati', ['2026-01-31T10:00']],
    ['an hour that is skipped', '30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Madrid', ['2026-03-30T00:30']],
    ['over a skipped hour', '*/30 * * * *', '2026-03-29T00:30:00Z', 'Europe/Madrid', ['2026-03-29T01:00']],
    [
      'an hour that comes twice',
      '30 2 * * *',
      '2026-10-24T12:00:00Z',
      'Europe/Madrid',
      ['2026-10-25T00:30', '2026-10-25T01:30', '2026-10-26T01:30'],
    ],
    ['a midnight that is skipped', '0 0 * * *', '2026-03-28T23:00:00Z', 'Asia/Beirut', ['2026-03-29T21:00']],
  ])('%s', (_, text, from, zone, expected) => {
    expect(times(text, from, expected.length, zone)).toEqual(expected);
  });

  it('knows the last time before one', () => {
    const nightly = scheduleOf('0 3 * * *');
    expect(iso(nightly.last(at('2025-01-01T00:00:00Z'), at('2026-01-01T02:59:00Z')))).toBe('2025-12-31T03:00');
    expect(nightly.last(at('2026-01-01T03:00:00Z'), at('2026-01-02T02:59:00Z'))).toBeUndefined();
    expect(iso(scheduleOf('@every 7m').last(at('2026-01-01T00:00:00Z'), at('2026-01-01T01:00:00Z')))).toBe(
      '2026-01-01T00:56',
    );
  });

  it('next and last agree, in any zone at any time', () => {
    const text = fc.constantFrom(
      '*/7 * * * *',
      '30 1-3 * * *',
      '0 0 1 * *',
      '15 2 * * sun',
      '59 23 31 12 *',
      '@every 5m',
    );
    const zone = fc.constantFrom('UTC', 'Europe/Madrid', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu');
    const start = fc.integer({ min: at('2024-01-01T00:00:00Z') / 1000, max: at('2028-01-01T00:00:00Z') / 1000 });
    fc.assert(
      fc.property(text, zone, start, (text, zone, seconds) => {
        const schedule = scheduleOf(text, zone);
        const afterMs = seconds * 1000;
        const next = schedule.next(afterMs) ?? Number.NaN;
        expect(next).toBeGreaterThan(afterMs);
        expect(schedule.last(afterMs, next)).toBe(next);
        expect(schedule.last(afterMs, next - 1)).toBeUndefined();
        const second = schedule.next(next) ?? Number.NaN;
        expect(schedule.last(afterMs, second)).toBe(second);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['60 * * * *', 'failed to parse the minute "60": values from 0 to 59 are allowed'],
    ['0 0 L * *', 'failed to parse the day of month "L": values from 1 to 31 are allowed'],
    ['0 0 * * 5#2', 'failed to parse the day of week "5#2": values from 0 to 6 are allowed'],
    ['0 0 * * 7', 'failed to parse the day of week "7": values from 0 to 6 are allowed'],
    ['*/0 * * * *', 'failed to parse the minute "*/0": values from 0 to 59 are allowed'],
    ['@often', 'unrecognized descriptor: @often'],
    ['@every soon', 'unrecognized descriptor: @every soon'],
    ['@every 99999999999h', 'unrecognized descriptor: @every 99999999999h'],
    ['CRON_TZ=UTC 0 0 * * *', 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
  ])('%s is none', (text, problem) => {
    expect(scheduleProblems(text)).toEqual([problem]);
  });
});

describe('time zones', () => {
  it('are known by their names', () => {
    expect(timeZoneProblems('Europe/Madrid')).toEqual([]);
    expect(timeZoneProblems('Mars/Base')).toEqual(['unknown time zone Mars/Base']);
    expect(timeZoneProblems('Local')[0]).toContain('explicit time zone');
  });

  it.each([
    ['UTC', '2026-07-01T07:30:00Z'],
    ['Europe/Madrid', '2026-07-01T09:30:00+02:00'],
    ['America/St_Johns', '2026-07-01T05:00:00-02:30'],
  ])('%s', (zone, text) => {
    expect(zonedTimestamp(zone, at('2026-07-01T07:30:00Z'))).toBe(text);
  });
});
