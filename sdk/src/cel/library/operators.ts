/** Operators but those that are lazy: what they take, and what they cost. */
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  listType,
  mapType,
  optionalType,
  paramType,
  stringType,
  timestampType,
  uintType,
  type CelType,
} from '../types/type.ts';
import { isError, noSuchOverload, type CelMeter, type CelValue } from '../values/value.ts';
import { equal } from '../values/equal.ts';
import { add, divide, modulo, multiply, negate, subtract } from './arithmetic.ts';
import { compare } from './compare.ts';
import { contains, elementAt, optionalAt } from './elements.ts';
import { overloads as declare, textCost, type Overload } from './overload.ts';

/** All of them tell types apart themselves. */
const totals: typeof declare = (name, signatures, rest) => declare(name, signatures, { ...rest, total: true });

const A = paramType('A');
const B = paramType('B');

const same = (types: readonly CelType[], result?: CelType): [CelType, CelType, CelType][] =>
  types.map((type) => [type, type, result ?? type]);

const numbers = [intType, uintType, doubleType];
const ordered = [boolType, ...numbers, stringType, bytesType, timestampType, durationType];
const mixed = numbers.flatMap((a) =>
  numbers.filter((b) => b !== a).map((b): [CelType, CelType, CelType] => [a, b, boolType]),
);

/** The shorter of two texts is read. */
const shorter = (a: number, b: number): number => Math.max(1, textCost(Math.min(a, b)));
const sum = (a: number, b: number): number => a + b;

function ordering(name: string, holds: (order: number) => boolean): Overload[] {
  const run = (a: CelValue, b: CelValue): CelValue => {
    const order = compare(a, b);
    return typeof order === 'number' ? holds(order) : order;
  };
  return totals(name, [...same(ordered, boolType), ...mixed], { run, cost: shorter });
}

function notEqual(a: CelValue, b: CelValue, meter: CelMeter): CelValue {
  const result = equal(a, b, meter);
  return isError(result) ? result : !result;
}

const additions: [CelType, CelType, CelType][] = [
  ...same([...numbers, durationType]),
  [timestampType, durationType, timestampType],
  [durationType, timestampType, timestampType],
];

export const operators: readonly Overload[] = [
  ...totals('_==_', [[A, A, boolType]], {
    run: (a: CelValue, b: CelValue, meter: CelMeter) => equal(a, b, meter),
    cost: shorter,
  }),
  ...totals('_!=_', [[A, A, boolType]], { run: notEqual, cost: shorter }),
  ...ordering('_<_', (order) => order < 0),
  ...ordering('_<=_', (order) => order <= 0),
  ...ordering('_>_', (order) => order > 0),
  ...ordering('_>=_', (order) => order >= 0),
  ...totals('_+_', additions, { run: add }),
  ...totals('_+_', same([stringType, bytesType]), {
    run: add,
    cost: (a, b) => textCost(sum(a ?? 0, b ?? 0)),
    resultSize: (a, b) => sum(a ?? 0, b ?? 0),
  }),
  ...totals('_+_', same([listType(A)]), { run: add, resultSize: (a, b) => sum(a ?? 0, b ?? 0) }),
  ...totals('_-_', [...same([...numbers, durationType]), [timestampType, timestampType, durationType]], {
    run: subtract,
  }),
  ...totals('_-_', [[timestampType, durationType, timestampType]], { run: subtract }),
  ...totals('_*_', same(numbers), { run: multiply }),
  ...totals('_/_', same(numbers), { run: divide }),
  ...totals('_%_', same([intType, uintType]), { run: modulo }),
  ...totals(
    '-_',
    [
      [intType, intType],
      [doubleType, doubleType],
    ],
    { run: negate },
  ),
  ...totals('!_', [[boolType, boolType]], {
    run: (value: CelValue) => (typeof value === 'boolean' ? !value : noSuchOverload()),
  }),
  ...totals('@in', [[A, listType(A), boolType]], { run: contains, cost: (_, list) => list ?? 1 }),
  ...totals('@in', [[A, mapType(A, B), boolType]], { run: contains }),
  ...totals(
    '_[_]',
    [
      [listType(A), intType, A],
      [mapType(A, B), A, B],
      [optionalType(listType(A)), intType, optionalType(A)],
      [optionalType(mapType(A, B)), A, optionalType(B)],
    ],
    { run: elementAt },
  ),
  ...totals(
    '_[?_]',
    [
      [listType(A), intType, optionalType(A)],
      [mapType(A, B), A, optionalType(B)],
      [optionalType(listType(A)), intType, optionalType(A)],
      [optionalType(mapType(A, B)), A, optionalType(B)],
    ],
    { run: optionalAt },
  ),
];
