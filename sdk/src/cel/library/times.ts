/** Parts of timestamps, in UTC or another time zone, and of durations. */
import { zoneOffsetMs } from '../../cron/time-zone.ts';
import { durationType, intType, stringType, timestampType } from '../types/type.ts';
import { dateOf, nanosPerSecond } from '../values/time.ts';
import { CelDuration, CelError, CelTimestamp, type CelMeter, type CelValue } from '../values/value.ts';
import { overload, type Overload } from './overload.ts';

const dayMs = 86_400_000;

const parts: Readonly<Record<string, (date: Date) => number>> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: (date) => {
    const first = new Date(0);
    first.setUTCFullYear(date.getUTCFullYear(), 0, 1);
    return Math.floor((date.getTime() - first.getTime()) / dayMs);
  },
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};

const fixedOffset = /^([+-]?)(\d{1,2}):(\d{2})$/;

/** Of a name, or of an offset such as `-08:30`. */
function offsetMs(zone: string, atMs: number): number | CelError {
  const fixed = fixedOffset.exec(zone);
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
    return (fixed[1] === '-' ? -minutes : minutes) * 60_000;
  }
  if (zone === '' || zone.length > 64) return new CelError(`unknown time zone ${zone.slice(0, 64)}`);
  try {
    return zoneOffsetMs(zone, atMs);
  } catch {
    return new CelError(`unknown time zone ${zone}`);
  }
}

/** Steps of looking into the database of time zones. */
const zoneWork = 2000;

function inZone(value: CelTimestamp, zone: string, part: (date: Date) => number, meter: CelMeter): CelValue {
  meter.work(zoneWork);
  const date = dateOf(value.nanos);
  const offset = offsetMs(zone, date.getTime());
  return typeof offset === 'number' ? BigInt(part(new Date(date.getTime() + offset))) : offset;
}

const units: Readonly<Record<string, bigint>> = {
  getHours: 3600n * nanosPerSecond,
  getMinutes: 60n * nanosPerSecond,
  getSeconds: nanosPerSecond,
};

export const times: readonly Overload[] = [
  ...Object.entries(parts).flatMap(([name, part]) => [
    overload(name, {
      on: timestampType,
      gives: intType,
      run: (value: CelTimestamp) => BigInt(part(dateOf(value.nanos))),
    }),
    overload(name, {
      on: timestampType,
      takes: [stringType],
      gives: intType,
      run: (value: CelTimestamp, zone: string, meter: CelMeter) => inZone(value, zone, part, meter),
    }),
  ]),
  ...Object.entries(units).map(([name, unit]) =>
    overload(name, { on: durationType, gives: intType, run: (value: CelDuration) => value.nanos / unit }),
  ),
  // The milliseconds beyond the whole seconds, as cel-spec has it.
  overload('getMilliseconds', {
    on: durationType,
    gives: intType,
    run: (value: CelDuration) => (value.nanos % nanosPerSecond) / 1_000_000n,
  }),
];
