/** Texts: positions and lengths in code points. */
import { intType, listType, stringType, dynType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import { CelError, noSuchOverload, type CelMeter, type CelValue } from '../values/value.ts';
import { formatText } from './format-text.ts';
import { overload, overloads, rewriteCost, textCost, type OfSizes, type Overload } from './overload.ts';
import { offsetOf, pointCount, pointSlice, pointsBefore } from './text.ts';

const outOfRange = (index: bigint): CelError => new CelError(`index out of range: ${index}`);
const text: OfSizes = (size = 0) => textCost(size);
const same: OfSizes = (size = 0) => size;
const rewritten: OfSizes = (size = 0) => rewriteCost(size);

/** An empty text lies around each letter. */
const replacedSize: OfSizes = (size = 0, _ = 0, by = 0) => (size + 1) * by + size;

/** Where a text lies in another is searched in more than linear time at worst. */
const searchWork = (value: string, part: string): number =>
  value.length + Math.floor((value.length * part.length) / 16);

function charAt(value: string, index: bigint, meter: CelMeter): CelValue {
  meter.work(value.length);
  const size = pointCount(value);
  if (index < 0n || index > size) return outOfRange(index);
  return pointSlice(value, Number(index), Number(index) + 1);
}

function indexOf(value: string, part: string, from: bigint, meter: CelMeter): CelValue {
  meter.work(searchWork(value, part));
  if (from < 0n || from > pointCount(value)) return outOfRange(from);
  return BigInt(pointsBefore(value, value.indexOf(part, offsetOf(value, Number(from)))));
}

function lastIndexOf(value: string, part: string, from: bigint, meter: CelMeter): CelValue {
  meter.work(searchWork(value, part));
  if (from < 0n || from > pointCount(value)) return outOfRange(from);
  return BigInt(pointsBefore(value, value.lastIndexOf(part, offsetOf(value, Number(from)))));
}

function substring(value: string, start: bigint, end?: bigint): CelValue {
  const size = BigInt(pointCount(value));
  const last = end ?? size;
  if (start < 0n || start > size) return outOfRange(start);
  if (last < 0n || last > size) return outOfRange(last);
  if (start > last) return new CelError(`invalid substring range. start: ${start}, end: ${last}`);
  return pointSlice(value, Number(start), Number(last));
}

const ascii = (value: string, letters: RegExp, change: (letter: string) => string): string =>
  value.replace(letters, change);

/** Surrogate pairs stay whole. */
const pieces = (value: string): string[] => Array.from(value);

function replace(value: string, old: string, by: string, limit: bigint, meter: CelMeter): CelValue {
  // What could come out, before it does.
  const most = limit < 0n ? value.length + 1 : Math.min(Number(limit), value.length + 1);
  meter.work(value.length + Math.floor(most / Math.max(1, old.length)) * by.length);
  if (limit < 0n)
    return old === ''
      ? `${by}${pieces(value)
          .map((piece) => piece + by)
          .join('')}`
      : value.replaceAll(old, by);
  const parts = old === '' ? ['', ...pieces(value), ''] : value.split(old);
  const count = Math.min(most, parts.length - 1);
  return (
    parts.slice(0, count + 1).join(by) +
    parts
      .slice(count + 1)
      .map((part) => old + part)
      .join('')
  );
}

function split(value: string, separator: string, limit: bigint, meter: CelMeter): CelValue {
  meter.work(value.length);
  if (limit === 0n) return CelList.of([]);
  const parts = separator === '' ? pieces(value) : value.split(separator);
  if (limit < 0n || BigInt(parts.length) <= limit) return CelList.of(parts);
  const count = Number(limit) - 1;
  return CelList.of([...parts.slice(0, count), parts.slice(count).join(separator)]);
}

function join(list: CelList, separator: string, meter: CelMeter): CelValue {
  const parts = list.values();
  const texts = parts.filter((part) => typeof part === 'string');
  if (texts.length !== parts.length) return noSuchOverload();
  meter.work(texts.reduce((sum, part) => sum + part.length + separator.length, 0));
  return texts.join(separator);
}

const escapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

// oxlint-disable-next-line no-control-regex -- these are escaped
const escaped = /[\x07\b\f\n\r\t\v\\"]/g;

const quote = (value: string): string => `"${value.replace(escaped, (letter) => escapes[letter] ?? letter)}"`;

function trim(value: string, meter: CelMeter): CelValue {
  meter.work(value.length);
  const start = value.search(/[^\s\u0085\u180e\u200b-\u200d\u2060]/);
  if (start < 0) return '';
  let end = value.length;
  while (/[\s\u0085\u180e\u200b-\u200d\u2060]/.test(value[end - 1] ?? '')) end -= 1;
  return value.slice(start, end);
}

const on = stringType;
const listOfText = listType(stringType);

export const strings: readonly Overload[] = [
  overload('charAt', { on, takes: [intType], gives: stringType, resultSize: () => 2, run: charAt }),
  overload('indexOf', {
    on,
    takes: [stringType],
    gives: intType,
    cost: text,
    run: (value: string, part: string, meter: CelMeter) => indexOf(value, part, 0n, meter),
  }),
  overload('indexOf', { on, takes: [stringType, intType], gives: intType, cost: text, run: indexOf }),
  overload('lastIndexOf', {
    on,
    takes: [stringType],
    gives: intType,
    cost: text,
    run: (value: string, part: string, meter: CelMeter) => lastIndexOf(value, part, BigInt(pointCount(value)), meter),
  }),
  overload('lastIndexOf', { on, takes: [stringType, intType], gives: intType, cost: text, run: lastIndexOf }),
  overload('lowerAscii', {
    on,
    gives: stringType,
    cost: text,
    resultSize: same,
    run: (value: string) => ascii(value, /[A-Z]+/g, (letters) => letters.toLowerCase()),
  }),
  overload('upperAscii', {
    on,
    gives: stringType,
    cost: text,
    resultSize: same,
    run: (value: string) => ascii(value, /[a-z]+/g, (letters) => letters.toUpperCase()),
  }),
  overload('substring', {
    on,
    takes: [intType],
    gives: stringType,
    cost: text,
    resultSize: same,
    run: (value: string, start: bigint) => substring(value, start),
  }),
  overload('substring', {
    on,
    takes: [intType, intType],
    gives: stringType,
    cost: text,
    resultSize: same,
    run: (value: string, start: bigint, end: bigint) => substring(value, start, end),
  }),
  overload('trim', { on, gives: stringType, cost: text, resultSize: same, run: trim }),
  overload('reverse', {
    on,
    gives: stringType,
    cost: text,
    resultSize: same,
    run: (value: string) => pieces(value).reverse().join(''),
  }),
  overload('replace', {
    on,
    takes: [stringType, stringType],
    gives: stringType,
    cost: rewritten,
    resultSize: replacedSize,
    run: (value: string, old: string, by: string, meter: CelMeter) => replace(value, old, by, -1n, meter),
  }),
  overload('replace', {
    on,
    takes: [stringType, stringType, intType],
    gives: stringType,
    cost: rewritten,
    resultSize: replacedSize,
    run: replace,
  }),
  overload('split', {
    on,
    takes: [stringType],
    gives: listOfText,
    cost: rewritten,
    resultSize: (size = 0) => size + 1,
    run: (value: string, separator: string, meter: CelMeter) => split(value, separator, -1n, meter),
  }),
  overload('split', {
    on,
    takes: [stringType, intType],
    gives: listOfText,
    cost: rewritten,
    resultSize: (size = 0) => size + 1,
    run: split,
  }),
  overload('join', {
    on: listOfText,
    gives: stringType,
    traverses: true,
    run: (list: CelList, meter: CelMeter) => join(list, '', meter),
  }),
  overload('join', { on: listOfText, takes: [stringType], gives: stringType, traverses: true, run: join }),
  overload('format', { on, takes: [listType(dynType)], gives: stringType, cost: text, run: formatText }),
  ...overloads('strings.quote', [[stringType, stringType]], {
    run: quote,
    cost: text,
    resultSize: (size = 0) => size * 2 + 2,
  }),
];
