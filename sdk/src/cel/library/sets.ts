/** Lists as sets. */
import { boolType, listType, paramType } from '../types/type.ts';
import { equal } from '../values/equal.ts';
import type { CelList } from '../values/list.ts';
import type { CelMeter, CelValue } from '../values/value.ts';
import { overload, type OfSizes, type Overload } from './overload.ts';

const list = listType(paramType('A'));

function has(items: readonly CelValue[], item: CelValue, meter: CelMeter): boolean {
  meter.work(items.length);
  return items.some((other) => equal(item, other, meter) === true);
}

function contains(a: CelList, b: CelList, meter: CelMeter): boolean {
  const items = a.values();
  return b.values().every((item) => has(items, item, meter));
}

function intersects(a: CelList, b: CelList, meter: CelMeter): boolean {
  const items = a.values();
  return b.values().some((item) => has(items, item, meter));
}

const product: OfSizes = (a = 0, b = 0) => a * b;
const takes = [list, list];

export const sets: readonly Overload[] = [
  overload('sets.contains', { takes, gives: boolType, cost: product, run: contains }),
  overload('sets.intersects', { takes, gives: boolType, cost: product, run: intersects }),
  overload('sets.equivalent', {
    takes,
    gives: boolType,
    cost: (a = 0, b = 0) => 2 * a * b,
    run: (a: CelList, b: CelList, meter: CelMeter) => contains(a, b, meter) && contains(b, a, meter),
  }),
];
