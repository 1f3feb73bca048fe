/** Amounts and numbers of nodes as people write them. */

const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** Rounded up to three digits or so: an amount that is freed should be enough. */
function bytes(amount: number): string {
  let unit = 0;
  let value = amount;
  while (value >= 1024 && unit < binary.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (Number.isInteger(value)) return `${value}${binary[unit]}`;
  if (value < 10 && unit > 0) return `${Math.ceil(value * 1024)}${binary[unit - 1]}`;
  return `${Math.ceil(value)}${binary[unit]}`;
}

/** `200m`, `2`, `512Mi`. */
export function quantity(resource: string, amount: number): string {
  if (resource === 'cpu') return amount % 1000 === 0 ? String(amount / 1000) : `${amount}m`;
  if (resource === 'memory' || resource === 'ephemeral-storage' || resource.startsWith('hugepages-'))
    return bytes(amount);
  return String(amount);
}

/** `node a`, or `one of 3 nodes`. */
export function oneOf(count: number, name: string): string {
  return count === 1 ? `node ${name}` : `one of ${count} nodes`;
}

/** `a, b and c`. */
export function listed(parts: readonly string[]): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
