/** Quantities of Kubernetes, exact to billionths: `quantity('1.5Gi')`. */
import { boolType, doubleType, intType, opaqueType, stringType, type CelNamedType } from '../types/type.ts';
import { CelError, CelOpaque, type CelValue } from '../values/value.ts';
import { overload, textCost, type OfSizes, type Overload } from './overload.ts';

export const quantityType: CelNamedType = opaqueType('kubernetes.Quantity');

const nano = 1_000_000_000n;
const maxInt = 2n ** 63n - 1n;

const units: Readonly<Record<string, bigint>> = {
  n: 1n,
  u: 1000n,
  m: 1_000_000n,
  '': nano,
  k: nano * 1000n,
  M: nano * 1000n ** 2n,
  G: nano * 1000n ** 3n,
  T: nano * 1000n ** 4n,
  P: nano * 1000n ** 5n,
  E: nano * 1000n ** 6n,
  Ki: nano * 1024n,
  Mi: nano * 1024n ** 2n,
  Gi: nano * 1024n ** 3n,
  Ti: nano * 1024n ** 4n,
  Pi: nano * 1024n ** 5n,
  Ei: nano * 1024n ** 6n,
};

class CelQuantity extends CelOpaque {
  readonly typeName = quantityType.name;
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    super();
    this.nanos = nanos;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelQuantity && other.nanos === this.nanos;
  }
  override text(): string {
    const [suffix = '', unit = 1n] =
      ['', 'm', 'u', 'n']
        .map((name) => [name, units[name] ?? 1n] as const)
        .find(([, unit]) => this.nanos % unit === 0n) ?? [];
    return `${this.nanos / unit}${suffix}`;
  }
}

const pattern =
  /^([+-]?)(?:(\d{1,60})(?:\.(\d{0,60}))?|\.(\d{1,60}))(?:[eE]([+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;

const problem = (text: string): CelError =>
  new CelError(
    text === ''
      ? "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
      : `unable to parse quantity ${JSON.stringify(text.slice(0, 64))}`,
  );

/** More precise ones are rounded away from zero. */
const divideUp = (value: bigint, by: bigint): bigint => (value % by === 0n ? value / by : value / by + 1n);

/** A quantity from its text, or why it is none: a value that hosts may give to expressions. */
export function celQuantity(text: string): CelOpaque | CelError {
  return parse(text);
}

function parse(text: string): CelQuantity | CelError {
  const match = pattern.exec(text);
  const exponent = Number(match?.[5] ?? 0);
  if (match === null || Math.abs(exponent) > 60) return problem(text);
  const [, sign, digits = '', fraction = '', bare = ''] = match;
  const after = fraction + bare;
  const unit = units[match[6] ?? ''] ?? nano;
  const scaled = BigInt(`${digits}${after}`) * unit * 10n ** BigInt(Math.max(0, exponent));
  const nanos = divideUp(scaled, 10n ** BigInt(after.length + Math.max(0, -exponent)));
  return new CelQuantity(sign === '-' ? -nanos : nanos);
}

const isInteger = ({ nanos }: CelQuantity): boolean =>
  nanos % nano === 0n && nanos / nano <= maxInt && nanos / nano >= -maxInt - 1n;

const order = (a: CelQuantity, b: CelQuantity): number => (a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0);

/** A quantity bounds what sums make: they never get far beyond what can be parsed. */
const sum = (nanos: bigint): CelValue =>
  nanos > 10n ** 140n || nanos < -(10n ** 140n) ? new CelError('quantity overflow') : new CelQuantity(nanos);

const on = quantityType;
const text: OfSizes = (size = 0) => textCost(size);

export const quantityTypes: readonly string[] = [quantityType.name];

export const quantities: readonly Overload[] = [
  overload('quantity', { takes: [stringType], gives: quantityType, cost: text, run: parse }),
  overload('isQuantity', {
    takes: [stringType],
    gives: boolType,
    cost: text,
    run: (value: string) => parse(value) instanceof CelQuantity,
  }),
  overload('sign', {
    on,
    gives: intType,
    run: ({ nanos }: CelQuantity) => (nanos > 0n ? 1n : nanos < 0n ? -1n : 0n),
  }),
  overload('isInteger', { on, gives: boolType, run: isInteger }),
  overload('asInteger', {
    on,
    gives: intType,
    run: (value: CelQuantity) =>
      isInteger(value) ? value.nanos / nano : new CelError('cannot convert value to integer'),
  }),
  overload('asApproximateFloat', { on, gives: doubleType, run: ({ nanos }: CelQuantity) => Number(nanos) / 1e9 }),
  overload('isGreaterThan', {
    on,
    takes: [on],
    gives: boolType,
    run: (a: CelQuantity, b: CelQuantity) => order(a, b) > 0,
  }),
  overload('isLessThan', {
    on,
    takes: [on],
    gives: boolType,
    run: (a: CelQuantity, b: CelQuantity) => order(a, b) < 0,
  }),
  overload('compareTo', {
    on,
    takes: [on],
    gives: intType,
    run: (a: CelQuantity, b: CelQuantity) => BigInt(order(a, b)),
  }),
  overload('add', { on, takes: [on], gives: on, run: (a: CelQuantity, b: CelQuantity) => sum(a.nanos + b.nanos) }),
  overload('add', { on, takes: [intType], gives: on, run: (a: CelQuantity, b: bigint) => sum(a.nanos + b * nano) }),
  overload('sub', { on, takes: [on], gives: on, run: (a: CelQuantity, b: CelQuantity) => sum(a.nanos - b.nanos) }),
  overload('sub', { on, takes: [intType], gives: on, run: (a: CelQuantity, b: bigint) => sum(a.nanos - b * nano) }),
];
