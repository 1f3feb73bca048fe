/**
 * Schedules of CronJobs: five fields of crontab(5), a name such as `@hourly`, or `@every 1h30m`. A time is of a schedule when the
 * clocks of its zone show it so: one that they skip in spring does not come, one that they repeat in autumn comes twice.
 */
import { parseFields, type Fields } from './fields.ts';
import { zoneOffsetMs } from './time-zone.ts';

const secondMs = 1000;
const minuteMs = 60_000;
const dayMs = 86_400_000;
/** A schedule whose next time is further away has none: 30 February. */
const searchDays = 5 * 366;

const named: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

export interface Schedule {
  /** The first time after the given one, ms since the epoch. Undefined: none within five years. */
  next(afterMs: number): number | undefined;
  /** The last time that is later than `afterMs` and not later than `untilMs`. */
  last(afterMs: number, untilMs: number): number | undefined;
}

export type ParsedSchedule =
  | { readonly schedule: Schedule; readonly problems?: undefined }
  | { readonly schedule?: undefined; readonly problems: readonly string[] };

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: minuteMs, s: secondMs, ms: 1, us: 1e-3, ns: 1e-6 };

/** The longest duration of Go: 2^63 ns. */
const longestPeriodMs = 2 ** 63 / 1e6;

/** A duration of Go, at least a second, in whole ones. */
function periodOf(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|ns))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, value, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)/g)) {
    sum += Number(value) * (units[unit] ?? 0);
  }
  return sum < longestPeriodMs ? Math.max(secondMs, Math.floor(sum / secondMs) * secondMs) : undefined;
}

class Period implements Schedule {
  readonly #periodMs: number;

  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  next(afterMs: number): number {
    return Math.floor(afterMs / secondMs) * secondMs + this.#periodMs;
  }

  last(afterMs: number, untilMs: number): number | undefined {
    const first = this.next(afterMs);
    if (first > untilMs) return undefined;
    return first + Math.floor((untilMs - first) / this.#periodMs) * this.#periodMs;
  }
}

class Crontab implements Schedule {
  readonly #fields: Fields;
  readonly #zone: string;
  readonly #hours: readonly number[];
  readonly #minutes: readonly number[];

  constructor(fields: Fields, zone: string) {
    this.#fields = fields;
    this.#zone = zone;
    this.#hours = [...fields.hour.allowed].sort((a, b) => a - b);
    this.#minutes = [...fields.minute.allowed].sort((a, b) => a - b);
  }

  next(afterMs: number): number | undefined {
    const firstMs = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
    // The day before, too: clocks may have gone back over midnight.
    const from = this.#dayOf(firstMs) - 1;
    for (let day = from; day <= from + searchDays; day += 1) {
      const found = this.#timesOf(day).find((time) => time >= firstMs);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  last(afterMs: number, untilMs: number): number | undefined {
    const until = this.#dayOf(untilMs) + 1;
    const from = Math.max(this.#dayOf(afterMs) - 1, until - searchDays);
    for (let day = until; day >= from; day -= 1) {
      const found = this.#timesOf(day).findLast((time) => time <= untilMs);
      if (found !== undefined) return found > afterMs ? found : undefined;
    }
    return undefined;
  }

  /** The day that clocks show, in days since the epoch. */
  #dayOf(atMs: number): number {
    return Math.floor((atMs + zoneOffsetMs(this.#zone, atMs)) / dayMs);
  }

  #hasDay(day: number): boolean {
    const { month, dayOfMonth, dayOfWeek } = this.#fields;
    const date = new Date(day * dayMs);
    if (!month.allowed.has(date.getUTCMonth() + 1)) return false;
    const inMonth = dayOfMonth.allowed.has(date.getUTCDate());
    const inWeek = dayOfWeek.allowed.has(date.getUTCDay());
    // When both are given, either will do.
    return dayOfMonth.any || dayOfWeek.any ? inMonth && inWeek : inMonth || inWeek;
  }

  /** The times of a day, in order. */
  #timesOf(day: number): number[] {
    if (!this.#hasDay(day)) return [];
    const startMs = day * dayMs;
    const offsets = new Set([-dayMs, dayMs / 2, 2 * dayMs].map((ms) => zoneOffsetMs(this.#zone, startMs + ms)));
    const isEven = offsets.size === 1;
    const times: number[] = [];
    for (const hour of this.#hours) {
      for (const minute of this.#minutes) {
        const shownMs = startMs + (hour * 60 + minute) * minuteMs;
        for (const offset of offsets) {
          // Around a change only what the clocks do show then.
          if (isEven || zoneOffsetMs(this.#zone, shownMs - offset) === offset) times.push(shownMs - offset);
        }
      }
    }
    return isEven ? times : times.sort((a, b) => a - b);
  }
}

/** `zone`: a name of the time zone database, which must be one: see {@link timeZoneProblems}. */
export function parseSchedule(text: string, zone: string = 'UTC'): ParsedSchedule {
  if (/^(CRON_)?TZ=/.test(text)) {
    return { problems: ['cannot use TZ or CRON_TZ in schedule, use timeZone field instead'] };
  }
  const period = text.startsWith('@every ') ? periodOf(text.slice('@every '.length)) : undefined;
  if (period !== undefined) return { schedule: new Period(period) };
  const crontab = text.startsWith('@') ? named[text] : text;
  if (crontab === undefined) return { problems: [`unrecognized descriptor: ${text}`] };
  const fields = parseFields(crontab);
  return 'minute' in fields ? { schedule: new Crontab(fields, zone) } : { problems: fields };
}

/** What is wrong with a schedule. */
export function scheduleProblems(text: string): string[] {
  return [...(parseSchedule(text).problems ?? [])];
}
