import type { Deployment } from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { isObject, objectOf } from '../validation/loose.ts';

const percent = /^(\d+)%$/;

/** A count or a percentage of the replicas. */
export function checkAmount(value: unknown, path: string, found: Findings): void {
  if (typeof value === 'number') found.nonNegative(path, value);
  else if (typeof value === 'string' && !percent.test(value))
    found.invalid(
      path,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%')",
    );
}

/** Of a share: that it is no more than all. */
export function checkShare(value: unknown, path: string, found: Findings): void {
  const share = typeof value === 'string' ? percent.exec(value)?.[1] : undefined;
  if (share !== undefined && Number(share) > 100) found.invalid(path, value, 'must not be greater than 100%');
}

export function isZero(value: unknown): boolean {
  if (typeof value === 'string') return Number(percent.exec(value)?.[1] ?? 1) === 0;
  return value === undefined || value === 0;
}

export function checkStrategy(strategy: Deployment['spec']['strategy'], path: string, found: Findings): void {
  const { type, rollingUpdate } = objectOf(strategy);
  found.oneOf(`${path}.type`, type, ['Recreate', 'RollingUpdate'], 'required');
  if (type === 'Recreate') {
    if (isObject(rollingUpdate))
      found.forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  if (type !== 'RollingUpdate') return;
  const at = `${path}.rollingUpdate`;
  const { maxUnavailable, maxSurge } = objectOf(rollingUpdate);
  checkAmount(maxUnavailable, `${at}.maxUnavailable`, found);
  checkAmount(maxSurge, `${at}.maxSurge`, found);
  checkShare(maxUnavailable, `${at}.maxUnavailable`, found);
  if (isZero(maxUnavailable) && isZero(maxSurge))
    found.invalid(`${at}.maxUnavailable`, maxUnavailable ?? 0, 'may not be 0 when `maxSurge` is 0');
}
