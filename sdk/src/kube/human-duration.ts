/** Times and durations as kubectl prints them. */
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar; years begin in March, so that leap days come last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** An RFC 3339 time in ms since the epoch; undefined when it is none. */
export function parseTimestamp(text: unknown): number | undefined {
  const match = typeof text === 'string' ? rfc3339.exec(text) : null;
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [month, day, hour, minute, second] = [part(2), part(3), part(4), part(5), part(6)];
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return undefined;
  const seconds = daysSinceEpoch(part(1), month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  const offsetSeconds = (match[8] === '-' ? -1 : 1) * (part(9) * 3600 + part(10) * 60);
  return (seconds - offsetSeconds) * 1000 + Math.floor(Number(`0.${match[7] ?? '0'}`) * 1000);
}

function twoUnits(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit}${minor}${minorUnit}`;
}

/** `5s`, `2m3s`, `3h`, `2d4h`: two or three significant digits, as kubectl rounds. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return twoUnits(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return twoUnits(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return twoUnits(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 2920 ? twoUnits(years, 'y', days % 365, 'd') : `${years}y`;
}

/** How long ago a timestamp was; `<unknown>` when there is none. */
export function ageOf(text: unknown, nowMs: number): string {
  const time = parseTimestamp(text);
  return time === undefined ? '<unknown>' : humanDuration(nowMs - time);
}
