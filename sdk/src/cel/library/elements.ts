/** What lies within lists, maps and objects. */
import { equal } from '../values/equal.ts';
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { CelObject } from '../values/object.ts';
import {
  CelError,
  CelOptional,
  CelUint,
  isError,
  noOptional,
  noSuchOverload,
  type CelMeter,
  type CelValue,
} from '../values/value.ts';

const shown = (key: CelValue): string => {
  if (key instanceof CelUint) return String(key.value);
  return typeof key === 'object' ? 'null' : String(key);
};

const noSuchKey = (key: CelValue): CelError => new CelError(`no such key: ${shown(key)}`);

/** An index, or why it is none. */
function indexOf(key: CelValue): number | CelError {
  const value = key instanceof CelUint ? key.value : key;
  const index = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isInteger(index) ? index : noSuchOverload();
}

/** Undefined: there is nothing. */
function lookUp(container: CelValue, key: CelValue): CelValue | undefined {
  if (container instanceof CelMap) return container.get(key);
  if (container instanceof CelObject && typeof key === 'string') return container.get(key);
  if (!(container instanceof CelList)) return noSuchOverload();
  const index = indexOf(key);
  if (typeof index !== 'number') return index;
  return index >= 0 && index < container.size ? container.at(index) : undefined;
}

export function elementAt(container: CelValue, key: CelValue): CelValue {
  if (container instanceof CelOptional) return optionalAt(container, key);
  const found = lookUp(container, key);
  if (found !== undefined) return found;
  return container instanceof CelList ? new CelError(`index out of bounds: ${shown(key)}`) : noSuchKey(key);
}

/** An optional value; of an optional container too. */
export function optionalAt(container: CelValue, key: CelValue): CelValue {
  if (container instanceof CelOptional)
    return container.value === undefined ? noOptional : optionalAt(container.value, key);
  const found = lookUp(container, key);
  if (found === undefined) return noOptional;
  return isError(found) ? found : new CelOptional(found);
}

/** `a.field` */
export function fieldOf(operand: CelValue, field: string): CelValue {
  if (operand instanceof CelObject || operand instanceof CelMap) {
    const value = operand.get(field);
    return value === undefined ? noSuchKey(field) : value;
  }
  return operand instanceof CelOptional ? optionalAt(operand, field) : isError(operand) ? operand : noSuchOverload();
}

/** `has(a.field)` */
export function hasField(operand: CelValue, field: string): CelValue {
  if (isError(operand)) return operand;
  if (operand instanceof CelObject || operand instanceof CelMap) return operand.get(field) !== undefined;
  if (operand instanceof CelOptional) return operand.value !== undefined && hasField(operand.value, field);
  return noSuchOverload();
}

/** `key in container` */
export function contains(key: CelValue, container: CelValue, meter: CelMeter): CelValue {
  if (container instanceof CelMap) return container.has(key);
  if (!(container instanceof CelList)) return noSuchOverload();
  meter.work(container.size);
  for (let index = 0; index < container.size; index += 1)
    if (equal(key, container.at(index), meter) === true) return true;
  return false;
}
