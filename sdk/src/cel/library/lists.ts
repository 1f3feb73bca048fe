/** Lists: order, sums, positions. */
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  listType,
  paramType,
  stringType,
  timestampType,
  uintType,
  type CelType,
} from '../types/type.ts';
import { equal } from '../values/equal.ts';
import { CelList } from '../values/list.ts';
import {
  CelDuration,
  CelError,
  CelUint,
  elementWork,
  isError,
  nodeWork,
  type CelMeter,
  type CelValue,
} from '../values/value.ts';
import { add } from './arithmetic.ts';
import { compare } from './compare.ts';
import { overload, overloads, type OfSizes, type Overload } from './overload.ts';

const A = paramType('A');
const ordered = [intType, uintType, doubleType, boolType, durationType, timestampType, stringType, bytesType];
const each: OfSizes = (size = 0) => size;

function isSorted(list: CelList): CelValue {
  for (let index = 1; index < list.size; index += 1) {
    const order = compare(list.at(index - 1), list.at(index));
    if (typeof order !== 'number') return order;
    if (!(order <= 0)) return false;
  }
  return true;
}

const sumFrom =
  (zero: CelValue) =>
  (list: CelList, meter: CelMeter): CelValue => {
    let sum = zero;
    for (const item of list.values()) {
      sum = isError(item) ? item : add(sum, item, meter);
      if (isError(sum)) return sum;
    }
    return sum;
  };

const extreme =
  (name: string, wins: (order: number) => boolean) =>
  (list: CelList): CelValue => {
    if (list.size === 0) return new CelError(`${name} called on empty list`);
    let best = list.at(0);
    for (const item of list.values()) {
      const order = compare(item, best);
      if (typeof order !== 'number') return order;
      if (wins(order)) best = item;
    }
    return best;
  };

function indexOf(list: CelList, item: CelValue, meter: CelMeter): CelValue {
  for (let index = 0; index < list.size; index += 1)
    if (equal(list.at(index), item, meter) === true) return BigInt(index);
  return -1n;
}

function lastIndexOf(list: CelList, item: CelValue, meter: CelMeter): CelValue {
  for (let index = list.size - 1; index >= 0; index -= 1)
    if (equal(list.at(index), item, meter) === true) return BigInt(index);
  return -1n;
}

function slice(list: CelList, start: bigint, end: bigint): CelValue {
  if (start < 0n || end < 0n) return new CelError(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end)
    return new CelError(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  if (end > list.size) return new CelError(`cannot slice(${start}, ${end}), list is length ${list.size}`);
  return CelList.of(list.values().slice(Number(start), Number(end)));
}

function flatten(list: CelList, depth: bigint, meter: CelMeter): CelValue {
  if (depth < 0n) return new CelError('level must be non-negative');
  const items: CelValue[] = [];
  for (const item of list.values()) {
    meter.work(nodeWork);
    if (!(item instanceof CelList) || depth === 0n) items.push(item);
    else {
      const inner = flatten(item, depth - 1n, meter);
      if (!(inner instanceof CelList)) return inner;
      for (const value of inner.values()) items.push(value);
    }
  }
  return CelList.of(items);
}

function distinct(list: CelList, meter: CelMeter): CelValue {
  const items: CelValue[] = [];
  for (const item of list.values()) {
    meter.work(items.length);
    if (!items.some((known) => equal(known, item, meter) === true)) items.push(item);
  }
  return CelList.of(items);
}

function sort(list: CelList): CelValue {
  let wrong: CelError | undefined;
  const sorted = list.values().sort((a, b) => {
    const order = compare(a, b);
    if (typeof order !== 'number') wrong ??= order;
    return typeof order === 'number' ? order : 0;
  });
  return wrong ?? CelList.of(sorted);
}

function numbersTo(size: bigint, meter: CelMeter): CelValue {
  if (size < 0n) return CelList.of([]);
  // Told first, made then.
  meter.work(Number(size) * elementWork);
  return CelList.of(Array.from({ length: Number(size) }, (_, index) => BigInt(index)));
}

const ofLists = (types: readonly CelType[], result: (type: CelType) => CelType): [CelType, CelType][] =>
  types.map((type) => [listType(type), result(type)]);

const zeros: readonly (readonly [CelType, CelValue])[] = [
  [intType, 0n],
  [uintType, new CelUint(0n)],
  [doubleType, 0],
  [durationType, new CelDuration(0n)],
];

const list = listType(A);
export const lists: readonly Overload[] = [
  ...overloads(
    'isSorted',
    ofLists(ordered, () => boolType),
    { member: true, traverses: true, run: isSorted },
  ),
  ...zeros.map(([type, zero]) =>
    overload('sum', { on: listType(type), gives: type, traverses: true, run: sumFrom(zero) }),
  ),
  ...overloads(
    'min',
    ofLists(ordered, (type) => type),
    { member: true, traverses: true, run: extreme('min', (order) => order < 0) },
  ),
  ...overloads(
    'max',
    ofLists(ordered, (type) => type),
    { member: true, traverses: true, run: extreme('max', (order) => order > 0) },
  ),
  overload('indexOf', { on: list, takes: [A], gives: intType, traverses: true, run: indexOf }),
  overload('lastIndexOf', { on: list, takes: [A], gives: intType, traverses: true, run: lastIndexOf }),
  overload('slice', { on: list, takes: [intType, intType], gives: list, cost: each, resultSize: each, run: slice }),
  overload('flatten', {
    on: listType(list),
    gives: list,
    cost: each,
    run: (value: CelList, meter: CelMeter) => flatten(value, 1n, meter),
  }),
  overload('flatten', {
    on: listType(paramType('B')),
    takes: [intType],
    gives: listType({ kind: 'dyn' }),
    cost: each,
    run: flatten,
  }),
  overload('distinct', { on: list, gives: list, cost: (size = 0) => size * size, resultSize: each, run: distinct }),
  ...overloads('sort', ofLists(ordered, listType), {
    member: true,
    cost: (size = 0) => size * Math.ceil(Math.log2(size + 2)),
    resultSize: each,
    run: sort,
  }),
  overload('reverse', {
    on: list,
    gives: list,
    cost: each,
    resultSize: each,
    run: (value: CelList) => CelList.of(value.values().reverse()),
  }),
  overload('lists.range', { takes: [intType], gives: listType(intType), run: numbersTo }),
];
