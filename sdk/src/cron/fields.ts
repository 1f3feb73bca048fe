/** The five fields of crontab(5), with the words and ranges that Kubernetes accepts: no `L`, `W`, `#`, and Sunday is 0. */
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly words?: readonly string[];
}

const fields = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, words: months },
  { name: 'day of week', least: 0, most: 6, words: days },
] as const satisfies readonly Field[];

/** The values that a field allows. `any`: it is `*` or `?`, so it says nothing. */
export interface Values {
  readonly allowed: ReadonlySet<number>;
  readonly any: boolean;
}

export interface Fields {
  readonly minute: Values;
  readonly hour: Values;
  readonly dayOfMonth: Values;
  readonly month: Values;
  readonly dayOfWeek: Values;
}

function valueOf(text: string, { least, words }: Field): number {
  const word = words?.indexOf(text.toLowerCase()) ?? -1;
  if (word >= 0) return word + least;
  return /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
}

/** Undefined: it is no range. */
function rangeOf(text: string, field: Field): Values | undefined {
  const [range = '', stepText, ...rest] = text.split('/');
  const step = stepText === undefined ? 1 : Number(/^\d{1,4}$/.exec(stepText)?.[0]);
  if (rest.length > 0 || !(step > 0)) return undefined;
  const star = range === '*' || range === '?';
  const ends = star ? [field.least, field.most] : range.split('-').map((end) => valueOf(end, field));
  // `5/15` begins at 5 and goes on to the end.
  const [low = Number.NaN, high = stepText === undefined ? low : field.most] = ends;
  if (ends.length > 2 || !(low >= field.least && high <= field.most && low <= high)) return undefined;
  const allowed = new Set<number>();
  for (let value = low; value <= high; value += step) allowed.add(value);
  return { allowed, any: star && step === 1 };
}

function valuesOf(text: string, field: Field): Values | undefined {
  // As Kubernetes reads it, a comma too many says nothing.
  const texts = text.split(',').filter((range) => range !== '');
  const found = texts.map((range) => rangeOf(range, field)).filter((range) => range !== undefined);
  if (found.length === 0 || found.length < texts.length) return undefined;
  return { allowed: new Set(found.flatMap(({ allowed }) => [...allowed])), any: found.some(({ any }) => any) };
}

const problemOf = (text: string, { name, least, most }: Field): string =>
  `failed to parse the ${name} ${JSON.stringify(text)}: values from ${least} to ${most} are allowed`;

/** The fields, or what is wrong with them. */
export function parseFields(schedule: string): Fields | readonly string[] {
  const texts = schedule.split(/\s+/).filter((text) => text !== '');
  if (texts.length !== fields.length) return [`expected exactly 5 fields, found ${texts.length}: [${texts.join(' ')}]`];
  const parsed = fields.map((field, index) => valuesOf(texts[index] ?? '', field));
  const problems = fields.flatMap((field, index) =>
    parsed[index] === undefined ? [problemOf(texts[index] ?? '', field)] : [],
  );
  if (problems.length > 0) return problems;
  const [minute, hour, dayOfMonth, month, dayOfWeek] = parsed as [Values, Values, Values, Values, Values];
  return { minute, hour, dayOfMonth, month, dayOfWeek };
}
