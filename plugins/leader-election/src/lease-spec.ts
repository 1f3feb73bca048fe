/** What a candidate writes into the Lease, and what it reads from one. Source: client-go tools/leaderelection. */
import type { Lease } from '@timonel/sdk/kube';

export type LeaseSpec = NonNullable<Lease['spec']>;

/** Nobody holds it when it is undefined. */
export function holderOf(lease: Lease | undefined): string | undefined {
  const holder = lease?.spec?.holderIdentity;
  return holder === undefined || holder === '' ? undefined : holder;
}

export function transitionsOf(lease: Lease | undefined): number {
  return lease?.spec?.leaseTransitions ?? 0;
}

/** The spec with which `identity` takes or keeps the lease. */
export function heldSpec(
  before: Lease | undefined,
  identity: string,
  options: { readonly now: string; readonly leaseDurationSeconds: number },
): LeaseSpec {
  const { now, leaseDurationSeconds } = options;
  const keeps = holderOf(before) === identity;
  const counted = before === undefined || keeps ? 0 : 1;
  return {
    holderIdentity: identity,
    leaseDurationSeconds,
    acquireTime: (keeps ? before?.spec?.acquireTime : undefined) ?? now,
    renewTime: now,
    leaseTransitions: transitionsOf(before) + counted,
  };
}

/** The spec that leaves the lease to whoever comes first. */
export function releasedSpec(before: Lease, now: string): LeaseSpec {
  return { leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions: transitionsOf(before) };
}
