import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import { leaseNotFound, LeaseTimers, type Lease } from '@timonel/sdk/contracts/store';
import type { LeaseChange, StateMachine } from '../state/state-machine.ts';

export interface LeaderLeasesOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly machine: () => StateMachine;
  /** Proposes the end of a lease that has run out. */
  readonly expire: (leaseId: number) => Promise<unknown>;
}

const retryMs = 1_000;

/**
 * The time of leases, which the leader alone counts. A new leader gives every lease its full time again, since it does not know when
 * the former one heard of it last: a lease may live longer than granted, never shorter.
 */
export class LeaderLeases {
  readonly #options: LeaderLeasesOptions;
  #timers: LeaseTimers | undefined;

  constructor(options: LeaderLeasesOptions) {
    this.#options = options;
  }

  begin(): void {
    if (this.#timers !== undefined) return;
    this.#timers = new LeaseTimers(this.#options.env, (id) => this.#expire(id));
    for (const lease of this.#options.machine().leases()) this.#timers.add(lease);
  }

  end(): void {
    this.#timers?.close();
    this.#timers = undefined;
  }

  changed(changes: readonly LeaseChange[]): void {
    if (this.#timers === undefined) return;
    for (const { granted, revoked } of changes) {
      if (granted !== undefined) this.#timers.add(granted);
      if (revoked !== undefined) this.#timers.remove(revoked);
    }
  }

  /** @throws StoreError LEASE_NOT_FOUND */
  keepAlive(leaseId: number): Lease {
    if (this.#timers === undefined) throw leaseNotFound(leaseId);
    return this.#timers.keepAlive(leaseId);
  }

  #expire(leaseId: number): void {
    this.#options.expire(leaseId).catch((error: unknown) => {
      // A full disk or no majority: the lease must not live on.
      this.#options.log.debug({ leaseId, error: errorMessage(error) }, 'a lease could not be ended, will try again');
      this.#options.env.timers.after(retryMs, () => {
        if (this.#timers?.has(leaseId) === true) this.#expire(leaseId);
      });
    });
  }
}
