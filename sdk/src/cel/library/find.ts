/** What regular expressions find in texts. */
import { intType, listType, stringType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import type { CelMeter, CelValue } from '../values/value.ts';
import { overload, type Overload } from './overload.ts';
import { matchWork, patterns } from './regex.ts';
import { matchCost } from './standard.ts';

function find(text: string, pattern: string, meter: CelMeter): CelValue {
  meter.work(pattern.length);
  const compiled = patterns.get(pattern);
  if ('celKind' in compiled) return compiled;
  meter.work(matchWork(text, compiled));
  const matcher = compiled.matcher(text);
  return matcher.find() ? (matcher.group() ?? '') : '';
}

function findAll(text: string, pattern: string, limit: bigint, meter: CelMeter): CelValue {
  meter.work(pattern.length);
  const compiled = patterns.get(pattern);
  if ('celKind' in compiled) return compiled;
  meter.work(matchWork(text, compiled));
  const matcher = compiled.matcher(text);
  const found: string[] = [];
  const most = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit);
  while (found.length < most && matcher.find()) {
    const match = matcher.group() ?? '';
    meter.work(match.length + 8);
    found.push(match);
  }
  return CelList.of(found);
}

const listOfText = listType(stringType);
const resultSize = (size = 0): number => size + 1;

export const finding: readonly Overload[] = [
  overload('find', {
    on: stringType,
    takes: [stringType],
    gives: stringType,
    cost: matchCost,
    resultSize: (size = 0) => size,
    run: find,
  }),
  overload('findAll', {
    on: stringType,
    takes: [stringType],
    gives: listOfText,
    cost: matchCost,
    resultSize,
    run: (text: string, pattern: string, meter: CelMeter) => findAll(text, pattern, -1n, meter),
  }),
  overload('findAll', {
    on: stringType,
    takes: [stringType, intType],
    gives: listOfText,
    cost: matchCost,
    resultSize,
    run: findAll,
  }),
];
