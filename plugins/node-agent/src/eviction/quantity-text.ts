/** Amounts as Kubernetes prints them. Pure. */
import { formatMilliQuantity } from '@timonel/sdk/kube';
import type { StarvedResource } from './signals.ts';

const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

/** With the largest suffix that leaves a whole number: `90632Ki`. */
export function bytesText(bytes: number): string {
  let value = Math.trunc(bytes);
  let step = 0;
  while (value !== 0 && value % 1024 === 0 && step < binarySuffixes.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${value}${binarySuffixes[step]}`;
}

export function amountText(resource: StarvedResource, amount: number): string {
  if (resource === 'memory' || resource === 'ephemeral-storage') return bytesText(amount);
  return formatMilliQuantity(Math.trunc(amount) * 1000);
}
