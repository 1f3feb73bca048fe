import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import { leaseNotFound, LeaseTimers, type Lease } from '@timonel/sdk/contracts/store';
import type { LeaseChange, StateMachine } from '../state/state-machine.ts';

export interface LeaderLeasesOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly machine: () => StateMachine;
  /** Proposes the end of a lease that has run out, which counts in this term only. */
  readonly expire: (leaseId: number, term: number) => Promise<unknown>;
}

const retryMs = 1_000;

/**
 * The time of leases, which the leader alone counts. A new leader gives every lease its full time again, since it does not know when
 * the former one heard of it last: a lease may live longer than granted, never shorter.
 */
export class LeaderLeases {
  readonly #options: LeaderLeasesOptions;
  #running: { readonly term: number; readonly timers: LeaseTimers } | undefined;

  constructor(options: LeaderLeasesOptions) {
    this.#options = options;
  }

  /** This member leads in that term. */
  begin(term: number): void {
    if (this.#running?.term === term) return;
    this.end();
    const timers: LeaseTimers = new LeaseTimers(this.#options.env, (id) => this.#expire(id, term, timers));
    this.#running = { term, timers };
    for (const lease of this.#options.machine().leases()) timers.add(lease);
  }

  end(): void {
    this.#running?.timers.close();
    this.#running = undefined;
  }

  changed(changes: readonly LeaseChange[]): void {
    if (this.#running === undefined) return;
    const { timers } = this.#running;
    for (const { granted, revoked } of changes) {
      if (granted !== undefined) timers.add(granted);
      if (revoked !== undefined) timers.remove(revoked);
    }
  }

  /** Of a member that has just made sure that it leads. @throws StoreError LEASE_NOT_FOUND */
  keepAlive(leaseId: number): Lease {
    if (this.#running === undefined) throw leaseNotFound(leaseId);
    return this.#running.timers.keepAlive(leaseId);
  }

  #expire(leaseId: number, term: number, timers: LeaseTimers): void {
    this.#options.expire(leaseId, term).catch((error: unknown) => {
      // A full disk or no majority: the lease must not live on.
      this.#options.log.debug({ leaseId, error: errorMessage(error) }, 'a lease could not be ended, will try again');
      this.#options.env.timers.after(retryMs, () => {
        if (timers === this.#running?.timers && timers.has(leaseId)) this.#expire(leaseId, term, timers);
      });
    });
  }
}
