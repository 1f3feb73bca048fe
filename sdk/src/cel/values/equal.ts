/** Equality of values of any types: those that cannot be compared are not equal. */
import { CelList } from './list.ts';
import { CelMap } from './map.ts';
import { CelObject } from './object.ts';
import {
  CelDuration,
  CelError,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  nodeWork,
  type CelMeter,
  type CelValue,
} from './value.ts';

/** Bounds how deep values are compared. */
const depthLimit = 500;

function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** An int or uint, else undefined. */
const wholeOf = (value: CelValue): bigint | undefined =>
  typeof value === 'bigint' ? value : value instanceof CelUint ? value.value : undefined;

function numbersEqual(a: CelValue, b: CelValue): boolean {
  // JavaScript compares a bigint with a number exactly.
  const left = typeof a === 'number' ? a : wholeOf(a);
  const right = typeof b === 'number' ? b : wholeOf(b);
  // oxlint-disable-next-line eqeqeq -- equality of a bigint and a number
  return left !== undefined && right !== undefined && left == right;
}

type Compare = (a: CelValue, b: CelValue) => boolean | CelError;

function every<T>(items: Iterable<T>, test: (item: T) => boolean | CelError): boolean | CelError {
  for (const item of items) {
    const result = test(item);
    if (result !== true) return result;
  }
  return true;
}

function unorderedEqual(a: CelList, b: CelList, meter: CelMeter, compare: Compare): boolean | CelError {
  const rest = b.values();
  return every(a.values(), (item) => {
    meter.work(rest.length);
    const index = rest.findIndex((other) => compare(item, other) === true);
    if (index < 0) return false;
    rest.splice(index, 1);
    return true;
  });
}

function listsEqual(a: CelList, b: CelList, meter: CelMeter, compare: Compare): boolean | CelError {
  if (a.size !== b.size) return false;
  meter.work(a.size);
  const kind = a.declared?.listType ?? b.declared?.listType;
  if (kind === 'set' || kind === 'map') return unorderedEqual(a, b, meter, compare);
  return every(Array(a.size).keys(), (index) => compare(a.at(index), b.at(index)));
}

function mapsEqual(a: CelMap, b: CelMap, meter: CelMeter, compare: Compare): boolean | CelError {
  if (a.size !== b.size) return false;
  meter.work(a.size);
  return every(a.keys(), (key) => {
    const [left, right] = [a.get(key), b.get(key)];
    return left !== undefined && right !== undefined && compare(left, right);
  });
}

function objectsEqual(a: CelObject, b: CelObject, compare: Compare): boolean | CelError {
  const fields = a.fields();
  if (a.type.name !== b.type.name || fields.length !== b.fields().length) return false;
  return every(fields, (field) => {
    const [left, right] = [a.get(field), b.get(field)];
    return left !== undefined && right !== undefined && compare(left, right);
  });
}

function optionalsEqual(a: CelOptional, b: CelOptional, compare: Compare): boolean | CelError {
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return compare(a.value, b.value);
}

/** An error where one of the values, or a part of it, is one. */
export function equal(a: CelValue, b: CelValue, meter: CelMeter, depth = 0): boolean | CelError {
  if (a === b && typeof a !== 'object') return true;
  if (typeof a === 'string' || typeof a === 'boolean' || a === null) return b instanceof CelError ? b : a === b;
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (typeof a === 'bigint' || typeof a === 'number' || a instanceof CelUint) return numbersEqual(a, b);
  if (depth > depthLimit) return new CelError('values nest too deeply to be compared');
  meter.work(nodeWork);
  const compare: Compare = (x, y) => equal(x, y, meter, depth + 1);
  if (a instanceof CelList) return b instanceof CelList && listsEqual(a, b, meter, compare);
  if (a instanceof CelMap) return b instanceof CelMap && mapsEqual(a, b, meter, compare);
  if (a instanceof CelObject) return b instanceof CelObject && objectsEqual(a, b, compare);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && bytesEqual(a, b);
  if (a instanceof CelOptional) return b instanceof CelOptional && optionalsEqual(a, b, compare);
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanos === b.nanos;
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos;
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name;
  return a instanceof CelOpaque && b instanceof CelOpaque && a.typeName === b.typeName && a.equals(b);
}
