import type { Env, TimerHandle } from '../../kernel/index.ts';
import { StoreError, type Lease } from './index.ts';

interface Entry {
  readonly lease: Lease;
  /** On the monotonic clock, in ms. */
  deadlineMs: number;
  timer: TimerHandle;
}

/** The running leases of a store, and when each ends. Knows nothing of keys. */
export class LeaseTimers {
  readonly #env: Env;
  readonly #onExpire: (leaseId: number) => void;
  readonly #leases = new Map<number, Entry>();

  /** @param onExpire is called once when a lease has run out; the lease stays until `remove` */
  constructor(env: Env, onExpire: (leaseId: number) => void) {
    this.#env = env;
    this.#onExpire = onExpire;
  }

  has(leaseId: number): boolean {
    return this.#leases.has(leaseId);
  }

  /** All leases, in order of their grant. */
  all(): Lease[] {
    return Array.from(this.#leases.values(), (entry) => entry.lease);
  }

  /** Starts a lease with its full time to live. */
  add(lease: Lease): void {
    this.#leases.get(lease.id)?.timer.cancel();
    this.#leases.set(lease.id, {
      lease,
      deadlineMs: this.#env.clock.monotonic() + lease.ttlMs,
      timer: this.#arm(lease.id, lease.ttlMs),
    });
  }

  /** Gives the lease its full time again. @throws StoreError LEASE_NOT_FOUND */
  keepAlive(leaseId: number): Lease {
    const entry = this.#leases.get(leaseId);
    const now = this.#env.clock.monotonic();
    // A lease that ran out must not come back, even when its timer is late.
    if (entry === undefined || entry.deadlineMs <= now) throw leaseNotFound(leaseId);
    entry.deadlineMs = now + entry.lease.ttlMs;
    return entry.lease;
  }

  remove(leaseId: number): void {
    this.#leases.get(leaseId)?.timer.cancel();
    this.#leases.delete(leaseId);
  }

  /** Stops all timers. */
  close(): void {
    for (const entry of this.#leases.values()) entry.timer.cancel();
    this.#leases.clear();
  }

  #arm(leaseId: number, delayMs: number): TimerHandle {
    return this.#env.timers.after(Math.max(1, Math.min(delayMs, longestTimerMs)), () => this.#check(leaseId));
  }

  #check(leaseId: number): void {
    const entry = this.#leases.get(leaseId);
    if (entry === undefined) return;
    const leftMs = entry.deadlineMs - this.#env.clock.monotonic();
    if (leftMs > 0) entry.timer = this.#arm(leaseId, leftMs);
    else this.#onExpire(leaseId);
  }
}

/** Node's timers overflow above 2^31 - 1 ms. */
const longestTimerMs = 2 ** 31 - 1;

/** The error of a lease that does not exist (any more). */
export function leaseNotFound(leaseId: number): StoreError {
  return new StoreError('LEASE_NOT_FOUND', `there is no lease ${leaseId}: it expired, was revoked or never existed`);
}

/** Checks the time to live asked for. @throws RangeError */
export function checkTtl(ttlMs: number): void {
  if (!Number.isFinite(ttlMs) || ttlMs <= 0)
    throw new RangeError(`a lease needs a time to live above 0 ms, not ${ttlMs}`);
}
