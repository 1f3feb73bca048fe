/** resource.Quantity of k8s.io/apimachinery: fixed-point numbers with a suffix. */

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
