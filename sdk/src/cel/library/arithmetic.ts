/** + - * / % of numbers, texts, lists and times. Whole numbers do not wrap around: overflow is an error. */
import { CelList } from '../values/list.ts';
import { makeDuration, makeTimestamp } from '../values/time.ts';
import {
  CelDuration,
  CelError,
  CelTimestamp,
  CelUint,
  elementWork,
  isError,
  noSuchOverload,
  type CelMeter,
  type CelValue,
} from '../values/value.ts';
import { equal } from '../values/equal.ts';

const maxInt = 2n ** 63n - 1n;
const minInt = -(2n ** 63n);
const maxUint = 2n ** 64n - 1n;

export function int(value: bigint): CelValue {
  return value > maxInt || value < minInt ? new CelError('integer overflow') : value;
}

export function uint(value: bigint): CelValue {
  return value > maxUint || value < 0n ? new CelError('unsigned integer overflow') : new CelUint(value);
}

function addLists(a: CelList, b: CelList, meter: CelMeter): CelValue {
  meter.work((a.size + b.size) * elementWork);
  const { listType: kind, mapKeys } = a.declared ?? b.declared ?? {};
  if (kind === 'set') return union(a, b, meter);
  if (kind === 'map' && mapKeys !== undefined) return merged(a, b, mapKeys, meter);
  return CelList.of([...a.values(), ...b.values()]);
}

/** What `b` adds to the set `a` comes after it. */
function union(a: CelList, b: CelList, meter: CelMeter): CelValue {
  const items = a.values();
  for (const item of b.values()) {
    meter.work(items.length);
    if (!items.some((other) => equal(item, other, meter) === true)) items.push(item);
  }
  return CelList.of(items);
}

function keyText(item: CelValue, keys: readonly string[]): string {
  if (typeof item !== 'object' || item === null || !('celKind' in item) || item.celKind !== 'object') return '';
  return JSON.stringify(
    keys.map((key) => {
      const value = item.get(key);
      return typeof value === 'bigint' ? String(value) : (value ?? null);
    }),
  );
}

/** Elements of `b` take the place of those of `a` with the same keys. */
function merged(a: CelList, b: CelList, keys: readonly string[], meter: CelMeter): CelValue {
  meter.work(a.size + b.size);
  const items = new Map<string, CelValue>();
  for (const item of [...a.values(), ...b.values()]) items.set(keyText(item, keys), item);
  return CelList.of([...items.values()]);
}

function addOthers(a: CelValue, b: CelValue, meter: CelMeter): CelValue {
  if (a instanceof CelUint && b instanceof CelUint) return uint(a.value + b.value);
  if (a instanceof CelList && b instanceof CelList) return addLists(a, b, meter);
  if (a instanceof CelTimestamp && b instanceof CelDuration) return makeTimestamp(a.nanos + b.nanos);
  if (a instanceof CelDuration && b instanceof CelTimestamp) return makeTimestamp(a.nanos + b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return makeDuration(a.nanos + b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    meter.work(a.length + b.length);
    return new Uint8Array(Buffer.concat([a, b]));
  }
  return noSuchOverload();
}

export function add(a: CelValue, b: CelValue, meter: CelMeter): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a + b);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (typeof a !== 'string' || typeof b !== 'string') return addOthers(a, b, meter);
  meter.work(a.length + b.length);
  return a + b;
}

export function subtract(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a - b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a instanceof CelUint && b instanceof CelUint) return uint(a.value - b.value);
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return makeDuration(a.nanos - b.nanos);
  if (a instanceof CelTimestamp && b instanceof CelDuration) return makeTimestamp(a.nanos - b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return makeDuration(a.nanos - b.nanos);
  return noSuchOverload();
}

export function multiply(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a * b);
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (a instanceof CelUint && b instanceof CelUint) return uint(a.value * b.value);
  return noSuchOverload();
}

export function divide(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'number' && typeof b === 'number') return a / b;
  if (typeof a === 'bigint' && typeof b === 'bigint') return b === 0n ? new CelError('division by zero') : int(a / b);
  if (!(a instanceof CelUint) || !(b instanceof CelUint)) return noSuchOverload();
  return b.value === 0n ? new CelError('division by zero') : uint(a.value / b.value);
}

export function modulo(a: CelValue, b: CelValue): CelValue {
  const [left, right] = [a, b].map((value) => (value instanceof CelUint ? value.value : value));
  if (typeof left !== 'bigint' || typeof right !== 'bigint' || typeof a !== typeof b) return noSuchOverload();
  if (right === 0n) return new CelError('modulus by zero');
  return a instanceof CelUint ? uint(left % right) : int(left % right);
}

export function negate(value: CelValue): CelValue {
  if (typeof value === 'bigint') return int(-value);
  return typeof value === 'number' ? -value : isError(value) ? value : noSuchOverload();
}
