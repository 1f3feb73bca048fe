/** Exact amounts: quotas add up many, and what does not fit by a hair must not fit. */
const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;
const decimal = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const unit = 1_000_000_000n;
const lengthLimit = 64;

export interface Amount {
  /** Billionths. */
  readonly nanos: bigint;
  /** Written with Ki, Mi, … */
  readonly binary: boolean;
}

export const zero: Amount = Object.freeze({ nanos: 0n, binary: false });
export const one: Amount = Object.freeze({ nanos: unit, binary: false });

export function amountOf(count: number): Amount {
  return { nanos: BigInt(count) * unit, binary: false };
}

function ceilDivide(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

/** A quantity of the API; what is none counts as nothing (the API accepts none). Fractions of billionths are rounded up. */
export function parseAmount(text: string | number | undefined): Amount {
  const given = String(text ?? '');
  const match = given.length > lengthLimit ? null : pattern.exec(given);
  const [, sign, whole = '', fraction = '', exponentText, suffix = ''] = match ?? [];
  if (match === null || (whole === '' && fraction === '')) return zero;
  const digits = BigInt(whole + fraction) * unit;
  const scale = 10n ** BigInt(fraction.length);
  const binaryIndex = suffix === '' ? -1 : binary.indexOf(suffix);
  const exponent = exponentText === undefined ? (decimal.indexOf(suffix) - 3) * 3 : Number(exponentText);
  let nanos: bigint;
  if (binaryIndex > 0) nanos = ceilDivide(digits * 1024n ** BigInt(binaryIndex), scale);
  else if (exponent >= 0) nanos = ceilDivide(digits * 10n ** BigInt(exponent), scale);
  else nanos = ceilDivide(digits, scale * 10n ** BigInt(-exponent));
  return { nanos: sign === '-' ? -nanos : nanos, binary: binaryIndex > 0 };
}

function inLargestUnit(value: bigint, base: bigint, start: number, units: readonly string[]): string {
  let at = start;
  let rest = value;
  while (at < units.length - 1 && rest % base === 0n) {
    rest /= base;
    at += 1;
  }
  return `${rest}${units[at] ?? ''}`;
}

/** In the canonical form: `500m`, `1536Mi`. */
export function formatAmount({ nanos, binary: isBinary }: Amount): string {
  if (nanos === 0n) return '0';
  const sign = nanos < 0n ? '-' : '';
  const size = nanos < 0n ? -nanos : nanos;
  // Small binary amounts are written decimally, so that nothing is lost.
  if (isBinary && size >= 1024n * unit) return `${sign}${inLargestUnit(ceilDivide(size, unit), 1024n, 0, binary)}`;
  return `${sign}${inLargestUnit(size, 1000n, 0, decimal)}`;
}

/** In the form of the first, unless that is nothing. */
export function plus(a: Amount, b: Amount): Amount {
  return { nanos: a.nanos + b.nanos, binary: a.nanos === 0n ? b.binary : a.binary };
}

/** Never below nothing. */
export function minus(a: Amount, b: Amount): Amount {
  return { nanos: a.nanos > b.nanos ? a.nanos - b.nanos : 0n, binary: a.binary };
}

export function larger(a: Amount, b: Amount): Amount {
  return b.nanos > a.nanos ? b : a;
}
