/** The order of values. */
import { CelDuration, CelTimestamp, CelUint, noSuchOverload, type CelError, type CelValue } from '../values/value.ts';

/** Texts in the order of their code points, which is that of their UTF-8. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x === y) continue;
    // Halves of surrogate pairs stand for what comes after all single units.
    const [xPair, yPair] = [x >= 0xd800 && x <= 0xdfff, y >= 0xd800 && y <= 0xdfff];
    return xPair === yPair ? x - y : xPair ? 1 : -1;
  }
  return a.length - b.length;
}

const orderOf = <T extends bigint | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN);

function numberOf(value: CelValue): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof CelUint ? value.value : undefined;
}

/** A bigint and a number too; NaN where there is no order. */
function orderOfNumbers(a: bigint | number, b: bigint | number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : 0;
}

/** Below 0, 0, above 0; NaN where no order exists. */
export function compare(a: CelValue, b: CelValue): number | CelError {
  if (typeof a === 'bigint' && typeof b === 'bigint') return orderOf(a, b);
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined && right !== undefined) return orderOfNumbers(left, right);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return orderOf(a.nanos, b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return orderOf(a.nanos, b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return noSuchOverload();
}
