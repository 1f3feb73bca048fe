/** Values that may be absent. `or` and `orValue` are lazy: see the code of calls. */
import { boolType, listType, optionalType, paramType } from '../types/type.ts';
import { equal } from '../values/equal.ts';
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { CelError, CelOptional, CelUint, noOptional, type CelMeter, type CelValue } from '../values/value.ts';
import { overload, type Overload } from './overload.ts';

const A = paramType('A');
const optionalA = optionalType(A);

function isZero(value: CelValue, meter: CelMeter): boolean {
  if (value === null || value === false || value === '') return true;
  if (value instanceof CelList || value instanceof CelMap) return value.size === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  return equal(value, typeof value === 'object' ? new CelUint(0n) : 0n, meter) === true;
}

function unwrap(list: CelList): CelValue {
  const values = list.values().flatMap((item) => {
    if (!(item instanceof CelOptional)) return [item];
    return item.value === undefined ? [] : [item.value];
  });
  return CelList.of(values);
}

function edge(list: CelList, index: number): CelValue {
  return list.size === 0 ? noOptional : new CelOptional(list.at(index));
}

export const optionals: readonly Overload[] = [
  overload('optional.of', { takes: [A], gives: optionalA, run: (value: CelValue) => new CelOptional(value) }),
  overload('optional.none', { gives: optionalA, run: () => noOptional }),
  overload('optional.ofNonZeroValue', {
    takes: [A],
    gives: optionalA,
    run: (value: CelValue, meter: CelMeter) => (isZero(value, meter) ? noOptional : new CelOptional(value)),
  }),
  overload('hasValue', {
    on: optionalA,
    gives: boolType,
    run: (optional: CelOptional) => optional.value !== undefined,
  }),
  overload('value', {
    on: optionalA,
    gives: A,
    run: (optional: CelOptional) => optional.value ?? nothing(optional),
  }),
  overload('or', { on: optionalA, takes: [optionalA], gives: optionalA, run: (first: CelOptional) => first }),
  overload('orValue', { on: optionalA, takes: [A], gives: A, run: (optional: CelOptional) => optional }),
  overload('optional.unwrap', {
    takes: [listType(optionalA)],
    gives: listType(A),
    cost: (size = 0) => size,
    run: unwrap,
  }),
  overload('unwrapOpt', { on: listType(optionalA), gives: listType(A), cost: (size = 0) => size, run: unwrap }),
  overload('first', { on: listType(A), gives: optionalA, run: (list: CelList) => edge(list, 0) }),
  overload('last', { on: listType(A), gives: optionalA, run: (list: CelList) => edge(list, list.size - 1) }),
];

/** `null` is a value that `??` takes for none. */
function nothing(optional: CelOptional): CelValue {
  return optional.value === null ? null : new CelError('optional.none() dereference');
}
