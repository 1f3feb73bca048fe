/** Timestamps and durations: how they are read and written. */
import { CelDuration, CelError, CelTimestamp } from './value.ts';

export const nanosPerSecond = 1_000_000_000n;
/** 0001-01-01T00:00:00Z and the end of 9999. */
const firstNanos = -62_135_596_800n * nanosPerSecond;
const lastNanos = 253_402_300_800n * nanosPerSecond - 1n;
const longest = 2n ** 63n - 1n;

export function makeTimestamp(nanos: bigint): CelTimestamp | CelError {
  return nanos < firstNanos || nanos > lastNanos ? new CelError('timestamp overflow') : new CelTimestamp(nanos);
}

export function makeDuration(nanos: bigint): CelDuration | CelError {
  return nanos < -longest - 1n || nanos > longest ? new CelError('duration overflow') : new CelDuration(nanos);
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Milliseconds of a date and time that exist, in UTC. */
function utcMillis(parts: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!exists || hour > 23 || minute > 59 || second > 59) return undefined;
  return date.setUTCHours(hour, minute, second);
}

/** RFC 3339. */
export function timestampFrom(text: string): CelTimestamp | CelError {
  const match = rfc3339.exec(text);
  const millis = match === null ? undefined : utcMillis(match.slice(1, 7).map(Number));
  if (match === null || millis === undefined)
    return new CelError(`invalid RFC 3339 timestamp ${JSON.stringify(text.slice(0, 64))}`);
  const fraction = BigInt((match[7] ?? '').slice(0, 9).padEnd(9, '0'));
  const [hours, minutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (hours > 23 || minutes > 59) return new CelError(`invalid RFC 3339 timestamp ${JSON.stringify(text)}`);
  const offset = BigInt(hours * 3600 + minutes * 60) * (match[8] === '-' ? -1n : 1n);
  return makeTimestamp((BigInt(millis) / 1000n - offset) * nanosPerSecond + fraction);
}

const two = (value: number, width = 2): string => String(value).padStart(width, '0');

/** Floored, also for what lies before 1970. */
export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

export function dateOf(nanos: bigint): Date {
  return new Date(Number(floorDivide(nanos, 1_000_000n)));
}

/** RFC 3339 with as many digits of the second as there are. */
export function timestampText({ nanos }: CelTimestamp): string {
  const date = dateOf(nanos);
  const rest = nanos - floorDivide(nanos, nanosPerSecond) * nanosPerSecond;
  const fraction = rest === 0n ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
  const day = `${two(date.getUTCFullYear(), 4)}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${day}T${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}${fraction}Z`;
}

const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: nanosPerSecond,
  m: 60n * nanosPerSecond,
  h: 3600n * nanosPerSecond,
};

const part = /(\d{0,40})(?:\.(\d{0,40}))?(ns|us|µs|μs|ms|s|m|h)/y;

/** As Go writes them: `1h30m`, `-1.5s`. */
export function durationFrom(text: string): CelDuration | CelError {
  const invalid = new CelError(`time: invalid duration ${JSON.stringify(text.slice(0, 64))}`);
  const negative = text.startsWith('-');
  const digits = /^[+-]/.test(text) ? text.slice(1) : text;
  if (digits === '0') return new CelDuration(0n);
  let nanos = 0n;
  let at = 0;
  if (digits === '' || digits.length > 200) return invalid;
  while (at < digits.length) {
    part.lastIndex = at;
    const match = part.exec(digits);
    if (match === null) return invalid;
    const [whole, fraction, unit] = [match[1] ?? '', match[2] ?? '', units[match[3] ?? ''] ?? 0n];
    if (whole === '' && fraction === '') return invalid;
    nanos += BigInt(whole || '0') * unit + (BigInt(fraction || '0') * unit) / 10n ** BigInt(fraction.length);
    at = part.lastIndex;
  }
  const duration = makeDuration(negative ? -nanos : nanos);
  return duration.celKind === 'error' ? invalid : duration;
}

/** In seconds: `5400s`, `0.5s`. */
export function durationText({ nanos }: CelDuration): string {
  const absolute = nanos < 0n ? -nanos : nanos;
  const rest = String(absolute % nanosPerSecond)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${nanos < 0n ? '-' : ''}${absolute / nanosPerSecond}${rest === '' ? '' : `.${rest}`}s`;
}
