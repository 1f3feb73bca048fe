/** Conversions: `int('1')`, `string(1.5)`, `timestamp('…')`. */
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  stringType,
  timestampType,
  uintType,
  type CelType,
} from '../types/type.ts';
import {
  durationFrom,
  durationText,
  floorDivide,
  makeTimestamp,
  nanosPerSecond,
  timestampFrom,
  timestampText,
} from '../values/time.ts';
import {
  CelDuration,
  CelError,
  CelTimestamp,
  CelUint,
  noSuchOverload,
  type CelMeter,
  type CelValue,
} from '../values/value.ts';
import { int, uint } from './arithmetic.ts';
import { overloads as declare, textCost, type Overload } from './overload.ts';

/** All of them tell types apart themselves. */
const totals: typeof declare = (name, signatures, rest) => declare(name, signatures, { ...rest, total: true });

const quoted = (text: string): string => JSON.stringify(text.slice(0, 64));

/** Long texts of digits would be converted in more than linear time. */
const integerText = /^[+-]?\d{1,40}$/;

function toInt(value: CelValue): CelValue {
  if (typeof value === 'bigint') return value;
  if (value instanceof CelUint) return int(value.value);
  if (value instanceof CelTimestamp) return floorDivide(value.nanos, nanosPerSecond);
  if (value instanceof CelDuration) return value.nanos;
  if (typeof value === 'number')
    return Math.abs(value) < 2 ** 63 ? int(BigInt(Math.trunc(value))) : new CelError('integer overflow');
  if (typeof value !== 'string') return noSuchOverload();
  if (!integerText.test(value)) return new CelError(`strconv.ParseInt: parsing ${quoted(value)}: invalid syntax`);
  const parsed = int(BigInt(value.replace('+', '')));
  return typeof parsed === 'bigint'
    ? parsed
    : new CelError(`strconv.ParseInt: parsing ${quoted(value)}: value out of range`);
}

function toUint(value: CelValue): CelValue {
  if (value instanceof CelUint) return value;
  if (typeof value === 'bigint') return uint(value);
  if (typeof value === 'number')
    return value >= 0 && value < 2 ** 64 ? uint(BigInt(Math.trunc(value))) : new CelError('unsigned integer overflow');
  if (typeof value !== 'string') return noSuchOverload();
  if (!/^\d{1,40}$/.test(value)) return new CelError(`strconv.ParseUint: parsing ${quoted(value)}: invalid syntax`);
  const parsed = uint(BigInt(value));
  return parsed instanceof CelUint
    ? parsed
    : new CelError(`strconv.ParseUint: parsing ${quoted(value)}: value out of range`);
}

const doubleText = /^[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,5})?$/;
const namedDoubles: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  nan: Number.NaN,
};

function toDouble(value: CelValue): CelValue {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof CelUint) return Number(value.value);
  if (typeof value !== 'string') return noSuchOverload();
  if (doubleText.test(value)) return Number(value);
  const named = namedDoubles[value.slice(0, 16).replace(/^[+-]/, '').toLowerCase()];
  if (named === undefined || value.length > 9)
    return new CelError(`strconv.ParseFloat: parsing ${quoted(value)}: invalid syntax`);
  return value.startsWith('-') ? -named : named;
}

/** As Go's `%g` writes it: the shortest that reads back, with an exponent where that is below -4 or above 5. */
export function doubleAsText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power > 5) return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return value === 0 ? '0' : plain(mantissa, power);
}

/** Digits without an exponent. */
function plain(mantissa: string, power: number): string {
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '');
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, '0');
  const rest = digits.slice(power + 1);
  return rest === '' ? `${sign}${whole}` : `${sign}${whole}.${rest}`;
}

function bytesText(bytes: Uint8Array): CelValue {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new CelError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

export function toText(value: CelValue): CelValue {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return doubleAsText(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value === null) return noSuchOverload();
  if (value instanceof Uint8Array) return bytesText(value);
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelTimestamp) return timestampText(value);
  if (value instanceof CelDuration) return durationText(value);
  return value.celKind === 'opaque' ? value.text() : noSuchOverload();
}

function toBytes(value: CelValue, meter: CelMeter): CelValue {
  if (typeof value !== 'string') return value instanceof Uint8Array ? value : noSuchOverload();
  meter.work(value.length);
  return new Uint8Array(Buffer.from(value, 'utf8'));
}

const truths: ReadonlySet<string> = new Set(['true', 't', '1', 'True', 'TRUE', 'T']);
const falsehoods: ReadonlySet<string> = new Set(['false', 'f', '0', 'False', 'FALSE', 'F']);

function toBool(value: CelValue): CelValue {
  if (typeof value !== 'string') return typeof value === 'boolean' ? value : noSuchOverload();
  if (truths.has(value)) return true;
  return falsehoods.has(value) ? false : new CelError(`strconv.ParseBool: parsing ${quoted(value)}: invalid syntax`);
}

function toTimestamp(value: CelValue): CelValue {
  if (typeof value === 'bigint') return makeTimestamp(value * nanosPerSecond);
  if (typeof value === 'string') return timestampFrom(value);
  return value instanceof CelTimestamp ? value : noSuchOverload();
}

function toDuration(value: CelValue): CelValue {
  if (typeof value === 'bigint') return new CelDuration(value);
  if (typeof value === 'string') return durationFrom(value);
  return value instanceof CelDuration ? value : noSuchOverload();
}

const from = (result: CelType, ...types: readonly CelType[]): [CelType, CelType][] =>
  types.map((type) => [type, result]);

/** Bytes of a text, characters of bytes. */
const read = { cost: (size = 0): number => Math.max(1, textCost(size)) };

export const conversions: readonly Overload[] = [
  ...totals('int', from(intType, intType, uintType, doubleType, stringType, timestampType, durationType), {
    run: toInt,
  }),
  ...totals('uint', from(uintType, uintType, intType, doubleType, stringType), { run: toUint }),
  ...totals('double', from(doubleType, doubleType, intType, uintType, stringType), { run: toDouble }),
  ...totals('string', from(stringType, boolType, intType, uintType, doubleType, timestampType, durationType), {
    run: toText,
    resultSize: () => 40,
  }),
  ...totals('string', from(stringType, stringType), { run: toText, resultSize: (size = 0) => size }),
  ...totals('string', from(stringType, bytesType), { run: toText, ...read, resultSize: (size = 0) => size }),
  ...totals('bytes', from(bytesType, bytesType), { run: toBytes, resultSize: (size = 0) => size }),
  ...totals('bytes', from(bytesType, stringType), { run: toBytes, ...read, resultSize: (size = 0) => size * 4 }),
  ...totals('bool', from(boolType, boolType, stringType), { run: toBool }),
  ...totals('timestamp', from(timestampType, timestampType, stringType, intType), { run: toTimestamp }),
  ...totals('duration', from(durationType, durationType, stringType, intType), { run: toDuration }),
];
