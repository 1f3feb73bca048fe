/** Time zones by their names in the time zone database, without reading a clock. */

const minuteMs = 60_000;
const formatters = new Map<string, Intl.DateTimeFormat>();
const formattersLimit = 64;

/** @throws RangeError when there is no such zone */
function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    era: 'short',
  });
  if (formatters.size >= formattersLimit) formatters.clear();
  formatters.set(zone, made);
  return made;
}

/** How far the clocks of a zone are ahead of UTC at a time, in ms. @throws RangeError when there is no such zone */
export function zoneOffsetMs(zone: string, atMs: number): number {
  if (zone === 'UTC') return 0;
  const wholeMs = Math.floor(atMs / 1000) * 1000;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterOf(zone).formatToParts(wholeMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - wholeMs;
}

const unknownZone = (zone: string): string[] => [`unknown time zone ${zone}`];

/** What is wrong with the name of a time zone. */
export function timeZoneProblems(zone: string): string[] {
  if (zone.toLowerCase() === 'local')
    return ['timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'];
  try {
    return Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone === '' ? unknownZone(zone) : [];
  } catch {
    return unknownZone(zone);
  }
}

/** RFC 3339 as the clocks of the zone show it: `2026-07-01T09:30:00+02:00`, with `Z` in UTC. */
export function zonedTimestamp(zone: string, atMs: number): string {
  const offsetMs = zoneOffsetMs(zone, atMs);
  const text = new Date(atMs + offsetMs).toISOString().slice(0, 19);
  const minutes = Math.round(Math.abs(offsetMs) / minuteMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (minutes === 0) return `${text}Z`;
  return `${text}${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
