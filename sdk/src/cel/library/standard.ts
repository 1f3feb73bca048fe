/** Functions of the language itself. */
import {
  boolType,
  bytesType,
  dynType,
  intType,
  listType,
  mapType,
  paramType,
  stringType,
  typeType,
  type CelType,
} from '../types/type.ts';
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { CelTypeValue, isError, noSuchOverload, typeNameOf, type CelMeter, type CelValue } from '../values/value.ts';
import { conversions } from './conversions.ts';
import { operators } from './operators.ts';
import { overload, overloads, regexFactor, textCost, textFactor, type OfSizes, type Overload } from './overload.ts';
import { matchWork, patterns } from './regex.ts';
import { pointCount } from './text.ts';
import { times } from './times.ts';

const A = paramType('A');
const B = paramType('B');

function size(value: CelValue, meter: CelMeter): CelValue {
  if (typeof value === 'string') {
    meter.work(value.length >> 2);
    return BigInt(pointCount(value));
  }
  if (value instanceof CelList || value instanceof CelMap) return BigInt(value.size);
  return value instanceof Uint8Array ? BigInt(value.length) : noSuchOverload();
}

const sized: [CelType, CelType][] = [stringType, bytesType, listType(A), mapType(A, B)].map((type) => [type, intType]);

/** A text is read once for each quarter of the pattern. */
export const matchCost: OfSizes = (text = 0, pattern = 0) =>
  Math.ceil((text + 1) * textFactor) * Math.ceil(pattern * regexFactor);

function matches(text: string, pattern: string, meter: CelMeter): CelValue {
  const compiled = patterns.get(pattern, meter);
  if ('celKind' in compiled) return compiled;
  meter.work(matchWork(text.length, compiled));
  return compiled.test(text);
}

const argument: OfSizes = (_, text = 0) => textCost(text);

export const standardFunctions: readonly Overload[] = [
  ...operators,
  ...conversions,
  ...times,
  ...overloads('size', sized, { run: size, total: true }),
  ...overloads('size', sized, { run: size, total: true, member: true }),
  overload('contains', {
    on: stringType,
    takes: [stringType],
    gives: boolType,
    cost: (text = 0, part = 0) => textCost(text) * textCost(part),
    run: (text: string, part: string, meter: CelMeter) => {
      meter.work((text.length + part.length) >> 3);
      return text.includes(part);
    },
  }),
  overload('startsWith', {
    on: stringType,
    takes: [stringType],
    gives: boolType,
    cost: argument,
    run: (text: string, start: string) => text.startsWith(start),
  }),
  overload('endsWith', {
    on: stringType,
    takes: [stringType],
    gives: boolType,
    cost: argument,
    run: (text: string, end: string) => text.endsWith(end),
  }),
  overload('matches', { on: stringType, takes: [stringType], gives: boolType, cost: matchCost, run: matches }),
  overload('matches', { takes: [stringType, stringType], gives: boolType, cost: matchCost, run: matches }),
  overload('type', {
    takes: [A],
    gives: typeType(A),
    run: (value: CelValue) => (isError(value) ? value : new CelTypeValue(typeNameOf(value))),
  }),
  overload('dyn', { takes: [A], gives: dynType, resultSize: (size = 0) => size, run: (value: CelValue) => value }),
];
