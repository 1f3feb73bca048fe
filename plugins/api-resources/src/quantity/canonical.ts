/** The canonical text of a quantity, as resource.Quantity of apimachinery writes it back: `0.5` → `500m`, `1024Mi` → `1Gi`. */

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;
const decimal = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const nano = 1_000_000_000n;
/** Longer texts are not quantities that anybody writes. */
const lengthLimit = 64;

interface Parsed {
  readonly sign: string;
  /** Billionths, rounded up. */
  readonly nanos: bigint;
  readonly form: 'binary' | 'decimal' | 'exponent';
}

function ceilDivide(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

function parse(text: string): Parsed | undefined {
  const match = text.length > lengthLimit ? null : pattern.exec(text);
  if (match === null) return undefined;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  if (whole === '' && fraction === '') return undefined;
  const suffix = match[5] ?? '';
  const digits = BigInt(whole + fraction) * nano;
  const scale = 10n ** BigInt(fraction.length);
  const sign = match[1] === '-' ? '-' : '';
  const binaryIndex = suffix === '' ? -1 : binary.indexOf(suffix);
  if (binaryIndex > 0) {
    return { sign, nanos: ceilDivide(digits * 1024n ** BigInt(binaryIndex), scale), form: 'binary' };
  }
  const exponent = match[4] === undefined ? (decimal.indexOf(suffix) - 3) * 3 : Number(match[4]);
  const nanos =
    exponent >= 0
      ? ceilDivide(digits * 10n ** BigInt(exponent), scale)
      : ceilDivide(digits, scale * 10n ** BigInt(-exponent));
  return { sign, nanos, form: match[4] === undefined ? 'decimal' : 'exponent' };
}

function largestUnit(value: bigint, base: bigint, start: number, units: number): { value: bigint; unit: number } {
  let unit = start;
  let rest = value;
  while (unit < units - 1 && rest % base === 0n) {
    rest /= base;
    unit += 1;
  }
  return { value: rest, unit };
}

/** Undefined when the text is no quantity. Numbers are taken as their decimal text. */
export function canonicalQuantity(text: string | number): string | undefined {
  const parsed = parse(String(text));
  if (parsed === undefined) return undefined;
  const { sign, nanos, form } = parsed;
  if (nanos === 0n) return '0';
  // Small binary amounts are written decimally, so that nothing is lost.
  if (form === 'binary' && nanos >= 1024n * nano) {
    const { value, unit } = largestUnit(ceilDivide(nanos, nano), 1024n, 0, binary.length);
    return `${sign}${value}${binary[unit] ?? ''}`;
  }
  const { value, unit } = largestUnit(nanos, 1000n, 0, decimal.length);
  if (form === 'exponent') return `${sign}${value}${unit === 3 ? '' : `e${(unit - 3) * 3}`}`;
  return `${sign}${value}${decimal[unit] ?? ''}`;
}

/** Rewrites every value of a resource list in its canonical form; what is no quantity stays for the validator. */
export function canonicalizeQuantities(list: unknown): void {
  if (typeof list !== 'object' || list === null || Array.isArray(list)) return;
  const entries = list as Record<string, unknown>;
  for (const [name, value] of Object.entries(entries)) {
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    const canonical = canonicalQuantity(value);
    if (canonical !== undefined && canonical !== value) setOwn(entries, name, canonical);
  }
}

/** Plain assignment to `__proto__` would change the prototype in place of the entry. */
function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}
