/** Schedules of CronJobs: five fields of crontab(5), or a name such as `@hourly`. */

const names = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const every = /^@every (?:\d+(?:\.\d+)?(?:h|m|s|ms|us|ns))+$/;
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly words?: readonly string[];
}

const fields: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, words: months },
  { name: 'day of week', least: 0, most: 6, words: days },
];

function valueOf(text: string, { least, words }: Field): number {
  const word = words?.indexOf(text.toLowerCase()) ?? -1;
  if (word >= 0) return word + least;
  return /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
}

function isRange(text: string, field: Field): boolean {
  const [range = '', step, ...rest] = text.split('/');
  if (rest.length > 0 || (step !== undefined && !(Number(/^\d{1,4}$/.exec(step)?.[0]) > 0))) return false;
  if (range === '*' || range === '?') return true;
  const ends = range.split('-');
  const values = ends.map((end) => valueOf(end, field));
  const [low = Number.NaN, high = low] = values;
  return ends.length <= 2 && low >= field.least && high <= field.most && low <= high;
}

export function scheduleProblems(schedule: string): string[] {
  if (/^(CRON_)?TZ=/.test(schedule)) return ['cannot use TZ or CRON_TZ in schedule, use timeZone field instead'];
  if (schedule.startsWith('@'))
    return names.has(schedule) || every.test(schedule) ? [] : [`unrecognized descriptor: ${schedule}`];
  const given = schedule.split(/\s+/).filter((text) => text !== '');
  if (given.length !== fields.length) return [`expected exactly 5 fields, found ${given.length}: [${given.join(' ')}]`];
  return fields.flatMap((field, index) => {
    const text = given[index] ?? '';
    const good = text.split(',').every((range) => isRange(range, field));
    return good
      ? []
      : [
          `failed to parse the ${field.name} ${JSON.stringify(text)}: values from ${field.least} to ${field.most} are allowed`,
        ];
  });
}

const unknownZone = (zone: string): string[] => [`unknown time zone ${zone}`];

/** A name of the time zone database. */
export function timeZoneProblems(zone: string): string[] {
  if (zone.toLowerCase() === 'local')
    return ['timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'];
  try {
    return Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone === '' ? unknownZone(zone) : [];
  } catch {
    return unknownZone(zone);
  }
}
