/** What regular expressions find in texts. */
import { intType, listType, stringType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import type { CelMeter, CelValue } from '../values/value.ts';
import { overload, type Overload } from './overload.ts';
import { matchWork, patterns } from './regex.ts';
import { matchCost } from './standard.ts';

function find(text: string, pattern: string, meter: CelMeter): CelValue {
  const compiled = patterns.get(pattern, meter);
  if ('celKind' in compiled) return compiled;
  meter.work(matchWork(text.length, compiled));
  const matcher = compiled.matcher(text);
  return matcher.find() ? (matcher.group() ?? '') : '';
}

function findAll(text: string, pattern: string, limit: bigint, meter: CelMeter): CelValue {
  const compiled = patterns.get(pattern, meter);
  if ('celKind' in compiled) return compiled;
  const matcher = compiled.matcher(text);
  const found: string[] = [];
  const most = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit);
  let at = 0;
  while (found.length < most) {
    // Each search may look at all that is left, however short what it finds.
    meter.work(matchWork(text.length - at, compiled));
    if (!matcher.find()) break;
    at = matcher.end();
    found.push(matcher.group() ?? '');
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
