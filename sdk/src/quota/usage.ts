/** Amounts by the names that quotas have for them: `requests.cpu`, `pods`, `count/jobs.batch`. */
import type { Quantities } from '../kube/index.ts';
import { formatAmount, larger, minus, parseAmount, plus, zero, type Amount } from './amount.ts';

export type Usage = ReadonlyMap<string, Amount>;

export const nothing: Usage = new Map();

export function usageOf(quantities: Quantities | undefined): Usage {
  return new Map(Object.entries(quantities ?? {}).map(([name, quantity]) => [name, parseAmount(quantity)]));
}

/** In the order of the names. */
export function quantitiesOf(usage: Usage): Quantities {
  return Object.fromEntries(
    [...usage].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, amount]) => [name, formatAmount(amount)]),
  );
}

function combined(a: Usage, b: Usage, how: (x: Amount, y: Amount) => Amount): Usage {
  if (b.size === 0) return a;
  const all = new Map(a);
  for (const [name, amount] of b) all.set(name, how(all.get(name) ?? zero, amount));
  return all;
}

export const sum = (a: Usage, b: Usage): Usage => combined(a, b, plus);

/** By name the larger one. */
export const most = (a: Usage, b: Usage): Usage => combined(a, b, larger);

/** What is left of `a`; never below nothing. Names that only `b` has stay out. */
export function without(a: Usage, b: Usage): Usage {
  return new Map([...a].map(([name, amount]) => [name, minus(amount, b.get(name) ?? zero)]));
}

export function only(usage: Usage, wanted: (name: string) => boolean): Usage {
  return new Map([...usage].filter(([name]) => wanted(name)));
}

/** Without what is nothing. */
export function positive(usage: Usage): Usage {
  return new Map([...usage].filter(([, { nanos }]) => nanos > 0n));
}

export function sameUsage(a: Usage, b: Usage): boolean {
  return a.size === b.size && [...a].every(([name, { nanos }]) => b.get(name)?.nanos === nanos);
}

/** Whether `a` is nowhere more than `b`. */
export function isWithin(a: Usage, b: Usage): boolean {
  return [...a].every(([name, { nanos }]) => nanos <= (b.get(name) ?? zero).nanos);
}

/** `limits.cpu=1,pods=2`. */
export function usageText(usage: Usage): string {
  return Object.entries(quantitiesOf(usage))
    .map(([name, quantity]) => `${name}=${quantity}`)
    .join(',');
}
