/** Numbers: greatest and least, rounding, bits. */
import { boolType, doubleType, dynType, intType, listType, uintType, type CelType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import { CelError, CelUint, isError, noSuchOverload, type CelMeter, type CelValue } from '../values/value.ts';
import { int } from './arithmetic.ts';
import { compare } from './compare.ts';
import { overload, overloads, type Overload } from './overload.ts';

const numbers = [intType, uintType, doubleType];
/** `math.greatest(1, 2, …)` */
const maxArguments = 12;

const isNumber = (value: CelValue | CelMeter): value is bigint | number | CelUint =>
  typeof value === 'bigint' || typeof value === 'number' || value instanceof CelUint;

function extremeOf(name: string, wins: (order: number) => boolean, values: readonly (CelValue | CelMeter)[]): CelValue {
  let best: CelValue | undefined;
  for (const value of values) {
    if (!isNumber(value)) return noSuchOverload();
    const order = best === undefined ? undefined : compare(value, best);
    if (order === undefined || (typeof order === 'number' && wins(order))) best = value;
  }
  return best ?? new CelError(`math.@${name}(list) argument must not be empty`);
}

function extreme(name: string, shortName: string, wins: (order: number) => boolean): Overload[] {
  const run = (...args: readonly (CelValue | CelMeter)[]): CelValue => {
    // The meter comes last.
    const values = args.slice(0, -1);
    const [only] = values;
    if (values.length > 1 || !(only instanceof CelList)) return extremeOf(shortName, wins, values);
    return extremeOf(shortName, wins, only.values());
  };
  const alike = Array.from({ length: maxArguments }, (_, count) =>
    numbers.map((type): [...CelType[], CelType] => [...Array.from({ length: count + 1 }, () => type), type]),
  ).flat();
  const mixed = Array.from({ length: maxArguments - 1 }, (_, count): [...CelType[], CelType] => [
    ...Array.from({ length: count + 2 }, () => dynType),
    dynType,
  ]);
  const pairs = numbers.flatMap((a) =>
    numbers.filter((b) => a !== b).map((b): [CelType, CelType, CelType] => [a, b, dynType]),
  );
  const listed = numbers.map((type): [CelType, CelType] => [listType(type), type]);
  return [
    ...overloads(name, [...alike, ...pairs, ...mixed.slice(1)], { run }),
    ...overloads(name, listed, { run, cost: (size = 0) => size }),
  ];
}

/** Half away from zero, as Go rounds. */
const round = (value: number): number =>
  Math.sign(value) * Math.floor(Math.abs(value) + (Math.abs(value) % 1 === 0 ? 0 : 0.5));

function abs(value: CelValue): CelValue {
  if (typeof value === 'bigint') return int(value < 0n ? -value : value);
  return typeof value === 'number' ? Math.abs(value) : value;
}

function sign(value: CelValue): CelValue {
  if (typeof value === 'bigint') return value === 0n ? 0n : value > 0n ? 1n : -1n;
  if (value instanceof CelUint) return new CelUint(value.value === 0n ? 0n : 1n);
  return typeof value === 'number' ? Math.sign(value) : noSuchOverload();
}

const double = (name: string, compute: (value: number) => number): Overload =>
  overload(name, { takes: [doubleType], gives: doubleType, run: (value: number) => compute(value) });
const question = (name: string, holds: (value: number) => boolean): Overload =>
  overload(name, { takes: [doubleType], gives: boolType, run: (value: number) => holds(value) });

type Bits = (a: bigint, b: bigint) => bigint;

const inInt = (value: bigint): bigint => BigInt.asIntN(64, value);
const inUint = (value: bigint): CelUint => new CelUint(BigInt.asUintN(64, value));

function bits(name: string, compute: Bits): Overload[] {
  const run = (a: CelValue, b: CelValue): CelValue => {
    if (typeof a === 'bigint' && typeof b === 'bigint') return inInt(compute(a, b));
    return a instanceof CelUint && b instanceof CelUint ? inUint(compute(a.value, b.value)) : noSuchOverload();
  };
  return overloads(
    name,
    [
      [intType, intType, intType],
      [uintType, uintType, uintType],
    ],
    { run },
  );
}

function shift(name: string, compute: Bits): Overload[] {
  const run = (a: CelValue, by: CelValue): CelValue => {
    if (typeof by !== 'bigint') return noSuchOverload();
    if (by < 0n) return new CelError(`math.${name.slice(5)}() negative offset: ${by}`);
    const count = by > 64n ? 64n : by;
    if (typeof a === 'bigint') return inInt(compute(BigInt.asUintN(64, a), count));
    return a instanceof CelUint ? inUint(compute(a.value, count)) : noSuchOverload();
  };
  return overloads(
    name,
    [
      [intType, intType, intType],
      [uintType, intType, uintType],
    ],
    { run },
  );
}

function bitNot(value: CelValue): CelValue {
  if (typeof value === 'bigint') return inInt(~value);
  return value instanceof CelUint ? inUint(~value.value) : noSuchOverload();
}

function root(value: CelValue): CelValue {
  if (typeof value === 'number') return Math.sqrt(value);
  return isError(value) ? value : Math.sqrt(Number(value instanceof CelUint ? value.value : value));
}

const unary = (types: readonly CelType[], result?: CelType): [CelType, CelType][] =>
  types.map((type) => [type, result ?? type]);

export const math: readonly Overload[] = [
  ...extreme('math.greatest', 'max', (order) => order > 0),
  ...extreme('math.least', 'min', (order) => order < 0),
  double('math.ceil', Math.ceil),
  double('math.floor', Math.floor),
  double('math.round', round),
  double('math.trunc', Math.trunc),
  question('math.isInf', (value) => Math.abs(value) === Number.POSITIVE_INFINITY),
  question('math.isNaN', Number.isNaN),
  question('math.isFinite', Number.isFinite),
  ...overloads('math.abs', unary(numbers), { run: abs }),
  ...overloads('math.sign', unary(numbers), { run: sign }),
  ...overloads('math.sqrt', unary(numbers, doubleType), { run: root }),
  ...bits('math.bitAnd', (a, b) => a & b),
  ...bits('math.bitOr', (a, b) => a | b),
  ...bits('math.bitXor', (a, b) => a ^ b),
  ...overloads('math.bitNot', unary([intType, uintType]), { run: bitNot }),
  ...shift('math.bitShiftLeft', (a, by) => a << by),
  ...shift('math.bitShiftRight', (a, by) => a >> by),
];
