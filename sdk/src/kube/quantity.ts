/** resource.Quantity of k8s.io/apimachinery: fixed-point numbers with a suffix. */

/** By what they are amounts of: `cpu`, `memory`, … */
export type Quantities = Record<string, string>;

const suffixes: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** No text can be taken apart in two ways: what is almost a quantity is refused in one pass, however long it is. */
const pattern = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/;

/** Parses a quantity to a number in its base unit (cores, bytes, pieces); undefined when it is malformed. */
export function parseQuantity(text: string | number): number | undefined {
  const match = pattern.exec(String(text));
  if (match === null) return undefined;
  const digits = Number(match[1]);
  if (match[2] !== undefined) return Number(`${match[1]}${match[2]}`);
  const factor = suffixes[match[3] ?? ''];
  return factor === undefined ? undefined : digits * factor;
}

/** CPU in thousandths, rounded up; undefined when malformed. */
export function milliCpu(text: string | number): number | undefined {
  const value = parseQuantity(text);
  // 0.1 * 1000 is 100.00000000000001 in floating point: round at a millionth first.
  return value === undefined ? undefined : Math.ceil(Math.round(value * 1e9) / 1e6);
}

/** Whole units (bytes, pieces), rounded up; undefined when malformed. */
export function wholeQuantity(text: string | number): number | undefined {
  const value = parseQuantity(text);
  return value === undefined ? undefined : Math.ceil(Math.round(value * 1e6) / 1e6);
}

/** Thousandths of a unit, rounded up; undefined when malformed. */
export function milliQuantity(text: string | number): number | undefined {
  const value = parseQuantity(text);
  if (value === undefined) return undefined;
  const milli = value * 1000;
  const nearest = Math.round(milli);
  // 0.1 * 1000 is 100.00000000000001 in floating point.
  return Math.abs(milli - nearest) <= 1e-9 * Math.max(1, Math.abs(milli)) ? nearest : Math.ceil(milli);
}

const thousands = ['', 'k', 'M', 'G', 'T', 'P', 'E'] as const;

/** Thousandths as a quantity in its canonical decimal form: `1500m`, `2`, `12M`. */
export function formatMilliQuantity(milli: number): string {
  const whole = Math.ceil(milli);
  if (whole % 1000 !== 0) return `${whole}m`;
  let value = whole / 1000;
  let step = 0;
  while (value !== 0 && value % 1000 === 0 && step < thousands.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${value}${thousands[step]}`;
}
