/** Versions: `semver('1.2.3')`, https://semver.org. */
import { boolType, intType, opaqueType, stringType, type CelNamedType } from '../types/type.ts';
import { CelError, CelOpaque } from '../values/value.ts';
import { overload, textCost, type OfSizes, type Overload } from './overload.ts';

export const semverType: CelNamedType = opaqueType('kubernetes.Semver');

interface Version {
  readonly numbers: readonly bigint[];
  readonly before: readonly string[];
  readonly build: string;
}

class CelSemver extends CelOpaque {
  readonly typeName = semverType.name;
  readonly version: Version;
  constructor(version: Version) {
    super();
    this.version = version;
  }
  /** Builds do not count. */
  override equals(other: CelOpaque): boolean {
    return other instanceof CelSemver && order(this.version, other.version) === 0;
  }
  override text(): string {
    const { numbers, before, build } = this.version;
    return `${numbers.join('.')}${before.length > 0 ? `-${before.join('.')}` : ''}${build === '' ? '' : `+${build}`}`;
  }
}

const number = '(0|[1-9][0-9]{0,18})';
const identifiers = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const pattern = new RegExp(`^${number}\\.${number}\\.${number}(?:-(${identifiers}))?(?:\\+(${identifiers}))?$`);
const maxLength = 256;

/** A version from its text, or why it is none: a value that hosts may give to expressions. */
export function celSemver(text: string): CelOpaque | CelError {
  return parse(text);
}

function parse(text: string): CelSemver | CelError {
  const match = text.length > maxLength ? null : pattern.exec(text);
  const before = match?.[4]?.split('.') ?? [];
  // Numbers have no zeros before them.
  if (match === null || before.some((part) => /^0\d+$/.test(part)))
    return new CelError(`invalid semantic version ${JSON.stringify(text.slice(0, 64))}`);
  return new CelSemver({ numbers: match.slice(1, 4).map(BigInt), before, build: match[5] ?? '' });
}

/** Without a leading `v`, with three numbers, without zeros before them. */
function normalized(text: string): string {
  const [, numbers = '', rest = ''] = /^v?([^-+]*)([^]*)$/.exec(text.slice(0, maxLength + 1)) ?? [];
  const parts = numbers.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length < 3) parts.push('0');
  return `${parts.join('.')}${rest}`;
}

function orderOfParts(a: string, b: string): number {
  const [x, y] = [a, b].map((part) => (/^\d+$/.test(part) ? BigInt(part) : undefined));
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : 0;
  if (x !== undefined || y !== undefined) return x === undefined ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function order(a: Version, b: Version): number {
  for (const [index, value] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0n;
    if (value !== other) return value < other ? -1 : 1;
  }
  // What comes before a release lies below it.
  if (a.before.length === 0 || b.before.length === 0) return b.before.length - a.before.length;
  for (const [index, part] of a.before.entries()) {
    const other = b.before[index];
    const found = other === undefined ? 1 : orderOfParts(part, other);
    if (found !== 0) return found;
  }
  return a.before.length - b.before.length;
}

const on = semverType;
const text: OfSizes = (size = 0) => textCost(size);
const read = (value: string, normalize: boolean): CelSemver | CelError => parse(normalize ? normalized(value) : value);
const isVersion = (value: CelSemver | CelError): boolean => value instanceof CelSemver;
const at = (name: string, index: number): Overload =>
  overload(name, { on, gives: intType, run: ({ version }: CelSemver) => version.numbers[index] ?? 0n });
const question = (name: string, holds: (order: number) => boolean): Overload =>
  overload(name, {
    on,
    takes: [on],
    gives: boolType,
    run: (a: CelSemver, b: CelSemver) => holds(order(a.version, b.version)),
  });

export const semverTypes: readonly string[] = [semverType.name];

export const semvers: readonly Overload[] = [
  overload('semver', { takes: [stringType], gives: semverType, cost: text, run: (value: string) => parse(value) }),
  overload('semver', { takes: [stringType, boolType], gives: semverType, cost: text, run: read }),
  overload('isSemver', {
    takes: [stringType],
    gives: boolType,
    cost: text,
    run: (value: string) => isVersion(parse(value)),
  }),
  overload('isSemver', {
    takes: [stringType, boolType],
    gives: boolType,
    cost: text,
    run: (value: string, normalize: boolean) => isVersion(read(value, normalize)),
  }),
  at('major', 0),
  at('minor', 1),
  at('patch', 2),
  question('isLessThan', (found) => found < 0),
  question('isGreaterThan', (found) => found > 0),
  overload('compareTo', {
    on,
    takes: [on],
    gives: intType,
    run: (a: CelSemver, b: CelSemver) => BigInt(Math.sign(order(a.version, b.version))),
  }),
];
