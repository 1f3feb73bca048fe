/** `'%s has %d'.format(['x', 2])` */
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import {
  CelTypeValue,
  CelError,
  CelUint,
  nodeWork,
  typeNameOf,
  type CelMeter,
  type CelValue,
} from '../values/value.ts';
import { toText } from './conversions.ts';

/** Digits after the point of `%.3f`. */
const maxPrecision = 50;
const depthLimit = 100;

const problem = (message: string): CelError => new CelError(`could not parse formatting string: ${message}`);
const wrongType = (clause: string, wanted: string, value: CelValue): CelError =>
  new CelError(
    `error during formatting: ${clause} clause can only be used on ${wanted}, was given ${typeNameOf(value)}`,
  );

/** Joins what all parts become; the first error wins. */
function joined(parts: readonly (string | CelError)[]): string | CelError {
  const texts: string[] = [];
  for (const part of parts) {
    if (typeof part !== 'string') return part;
    texts.push(part);
  }
  return texts.join(', ');
}

function shown(value: CelValue, meter: CelMeter, depth: number): string | CelError {
  meter.work(nodeWork);
  if (depth > depthLimit) return new CelError('values nest too deeply to be formatted');
  if (value === null) return 'null';
  if (value instanceof CelList) {
    const items = joined(value.values().map((item) => shown(item, meter, depth + 1)));
    return typeof items === 'string' ? `[${items}]` : items;
  }
  if (value instanceof CelMap) return shownMap(value, meter, depth);
  if (value instanceof CelTypeValue) return value.name;
  const text = typeof value === 'number' && !Number.isFinite(value) ? String(value) : toText(value);
  if (typeof text !== 'string')
    return wrongType(
      'string',
      'strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
      value,
    );
  meter.work(text.length);
  return text;
}

function shownMap(map: CelMap, meter: CelMeter, depth: number): string | CelError {
  const entries = map.keys().map((key): readonly [string, string | CelError] => {
    const name = shown(key, meter, depth + 1);
    if (typeof name !== 'string') return ['', name];
    const value = shown(map.get(key) ?? null, meter, depth + 1);
    return [name, typeof value === 'string' ? `${name}: ${value}` : value];
  });
  const items = joined(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry));
  return typeof items === 'string' ? `{${items}}` : items;
}

const whole = (value: CelValue): bigint | undefined =>
  typeof value === 'bigint' ? value : value instanceof CelUint ? value.value : undefined;

function decimal(value: CelValue): string | CelError {
  const number = whole(value);
  if (number !== undefined) return String(number);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return wrongType('decimal', 'integers', value);
}

function fractional(clause: 'f' | 'e', precision: number, value: CelValue): string | CelError {
  const number = typeof value === 'number' ? value : Number(whole(value) ?? Number.NaN);
  if (typeof value !== 'number' && whole(value) === undefined)
    return wrongType(clause === 'f' ? 'fixed-point' : 'scientific', 'doubles', value);
  if (!Number.isFinite(number)) return String(number);
  if (clause === 'e') return number.toExponential(precision).replace(/e([+-])(\d)$/, 'e$10$2');
  // toFixed changes to exponents from 1e21 on.
  return Math.abs(number) < 1e21
    ? number.toFixed(precision)
    : `${BigInt(number)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`;
}

const radix = { b: 2, o: 8, x: 16, X: 16 } as const;

function notBased(clause: 'b' | 'o' | 'x' | 'X', value: CelValue): CelError {
  if (clause === 'o') return wrongType('octal', 'integers', value);
  const [allowed, form] =
    clause === 'b' ? ['integers and bools', 'binary'] : ['integers, byte buffers, and strings', 'hex'];
  return new CelError(
    `error during formatting: only ${allowed} can be formatted as ${form}, was given ${typeNameOf(value)}`,
  );
}

function based(clause: 'b' | 'o' | 'x' | 'X', value: CelValue, meter: CelMeter): string | CelError {
  if (clause === 'b' && typeof value === 'boolean') return value ? '1' : '0';
  const number = whole(value);
  const hex = clause === 'x' || clause === 'X';
  const bytes =
    typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? Buffer.from(value) : undefined;
  if (number === undefined && (!hex || bytes === undefined)) return notBased(clause, value);
  meter.work(bytes?.length ?? 1);
  const text = number === undefined ? (bytes?.toString('hex') ?? '') : number.toString(radix[clause]);
  return clause === 'X' ? text.toUpperCase() : text;
}

function one(clause: string, precision: number, value: CelValue, meter: CelMeter): string | CelError {
  switch (clause) {
    case 's':
      return shown(value, meter, 0);
    case 'd':
      return decimal(value);
    case 'f':
    case 'e':
      return fractional(clause, precision, value);
    case 'b':
    case 'o':
    case 'x':
    case 'X':
      return based(clause, value, meter);
    default:
      return new CelError(`could not parse formatting clause: unrecognized formatting clause "${clause}"`);
  }
}

const clause = /%(?:%|(?:\.(\d{1,9}))?([^]?))/g;

export function formatText(text: string, list: CelList, meter: CelMeter): CelValue {
  meter.work(text.length);
  let used = 0;
  let wrong: CelError | undefined;
  const result = text.replace(clause, (found: string, digits?: string, letter?: string) => {
    if (found === '%%' || wrong !== undefined) return '%';
    if (used >= list.size) wrong = problem(`index ${used} out of range`);
    else if (Number(digits ?? 0) > maxPrecision) wrong = problem(`precision ${digits} is above ${maxPrecision}`);
    if (wrong !== undefined) return '';
    const made = one(letter ?? '', Number(digits ?? 6), list.at(used), meter);
    used += 1;
    if (typeof made === 'string') return made;
    wrong = made;
    return '';
  });
  if (wrong !== undefined) return wrong;
  return used < list.size
    ? problem(`too many arguments supplied to string.format (expected ${used}, got ${list.size})`)
    : result;
}
