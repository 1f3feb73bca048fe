/**
 * The election, as client-go's leader election does it. What another process wrote as time is never believed: a standby
 * measures by its own monotonic clock how long the record has not changed. A leader counts its time from the moment at which
 * it sent the last renewal that went through, which is before anybody could see it, and gives up earlier
 * (renewDeadline) than anybody takes over (leaseDuration): two never lead at once, as long as the clocks run at about the
 * same speed.
 */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { Leadership, LeadershipStatus } from '@timonel/sdk/contracts/leadership';
import type { Lease } from '@timonel/sdk/kube';
import { jitterShare, type ElectionConfig } from './config.ts';
import type { LeaseClient } from './lease-client.ts';
import { heldSpec, holderOf, releasedSpec, transitionsOf } from './lease-spec.ts';

/** What an elector works with. */
export interface ElectorParts {
  readonly client: LeaseClient;
  readonly identity: string;
  readonly config: Pick<ElectionConfig, 'leaseDurationSeconds' | 'renewDeadlineSeconds' | 'retryPeriodSeconds'>;
  readonly env: Env;
  readonly log: Logger;
  /** A listener threw. */
  readonly reportFault: (error: unknown) => void;
}

const releaseLimitMs = 2_000;
const never = Number.NEGATIVE_INFINITY;

/** See the head of this file. */
export class Elector implements Leadership {
  readonly #parts: ElectorParts;
  readonly #listeners = new Set<(leading: boolean) => void>();
  readonly #stop = new AbortController();
  /** The record as it was seen last, and when it was seen to have changed. */
  #observed: Lease | undefined;
  #observedAtMs = never;
  #leadUntilMs = never;
  #told = false;
  #deadline: TimerHandle | undefined;
  #failing = false;
  #hurry = false;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: ElectorParts) {
    this.#parts = parts;
  }

  leading(): boolean {
    // By the clock, not by a timer: a process that was paused knows at once when it goes on.
    return this.#now() < this.#leadUntilMs;
  }

  onChange(listener: (leading: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): LeadershipStatus {
    const { identity } = this.#parts;
    return {
      identity,
      holder: holderOf(this.#observed),
      leading: this.leading(),
      transitions: transitionsOf(this.#observed),
    };
  }

  /** Resolves when the first attempt is over, won or not. */
  async start(): Promise<void> {
    const first = this.#attempt();
    this.#running = first.then(() => this.#run());
    await first;
  }

  /** Ends leading at once and leaves the lease to the next. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#leadUntilMs = never;
    this.#tell();
    this.#wake?.();
    try {
      await this.#within(releaseLimitMs, this.#running ?? Promise.resolve());
      if (holderOf(this.#observed) === this.#parts.identity) await this.#within(releaseLimitMs, this.#release());
    } catch (error) {
      this.#parts.log.warn({ error: errorMessage(error) }, 'the lease could not be released: it runs out by itself');
    }
  }

  /** The lease changed: look at it soon. */
  hurry(): void {
    this.#hurry = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#pause();
      if (!this.#stop.signal.aborted) await this.#attempt();
    }
  }

  /** Takes or keeps the lease when it can. Bounded, so that an API that does not answer is asked again in time. */
  async #attempt(): Promise<void> {
    this.#hurry = false;
    const { config, log } = this.#parts;
    try {
      await this.#within((config.renewDeadlineSeconds * 1000) / 2, this.#takeOrRenew());
      this.#failing = false;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (this.#failing) log.debug({ error: errorMessage(error) }, 'the lease could not be reached');
      else log.warn({ error: errorMessage(error) }, 'the lease could not be reached: trying again');
      this.#failing = true;
    }
    this.#tell();
  }

  async #takeOrRenew(): Promise<void> {
    const { client, identity } = this.#parts;
    // Renewing needs no reading first: the write is refused when somebody else wrote since.
    if (this.leading() && this.#observed !== undefined && (await this.#hold(this.#observed))) return;
    const lease = await client.get();
    this.#observe(lease);
    const holder = holderOf(lease);
    if (holder === undefined || holder === identity || this.#expiresInMs() <= 0) await this.#hold(lease);
  }

  /** Writes this process's name into the lease as it was read. False: somebody else was faster. */
  async #hold(before: Lease | undefined): Promise<boolean> {
    const { client, identity, config, env } = this.#parts;
    const { leaseDurationSeconds, renewDeadlineSeconds } = config;
    const sentAtMs = this.#now();
    const spec = heldSpec(before, identity, { now: env.clock.microTimestamp(), leaseDurationSeconds });
    const written = before === undefined ? await client.create(spec) : await client.replace(before, spec);
    if (written === undefined) return false;
    this.#observe(written);
    if (this.#stop.signal.aborted) return false;
    this.#leadUntilMs = Math.max(this.#leadUntilMs, sentAtMs + renewDeadlineSeconds * 1000);
    return true;
  }

  async #release(): Promise<void> {
    const { client, identity, env, log } = this.#parts;
    // The second round is for a renewal that was on its way.
    for (let round = 0; round < 2; round += 1) {
      const lease = await client.get();
      if (lease === undefined || holderOf(lease) !== identity) return;
      if ((await client.replace(lease, releasedSpec(lease, env.clock.microTimestamp()))) === undefined) continue;
      log.debug({ identity }, 'the lease is released');
      return;
    }
  }

  #observe(lease: Lease | undefined): void {
    const changed = JSON.stringify(lease?.spec) !== JSON.stringify(this.#observed?.spec);
    this.#observed = lease;
    if (changed) this.#observedAtMs = this.#now();
  }

  /** Until the lease of another may be taken. */
  #expiresInMs(): number {
    const { leaseDurationSeconds } = this.#parts.config;
    const durationMs = (this.#observed?.spec?.leaseDurationSeconds ?? leaseDurationSeconds) * 1000;
    return this.#observedAtMs + durationMs - this.#now();
  }

  /** Tells the listeners when something has changed for them, and sees to it that they hear of the deadline. */
  #tell(): void {
    this.#deadline?.cancel();
    const leading = this.leading();
    if (leading) {
      // A timer may fire a fraction of a millisecond early.
      const inMs = Math.ceil(this.#leadUntilMs - this.#now()) + 1;
      this.#deadline = this.#parts.env.timers.after(inMs, () => this.#tell());
    }
    if (leading === this.#told) return;
    this.#told = leading;
    const { identity, log, reportFault } = this.#parts;
    log.info({ identity }, leading ? 'this control plane leads' : 'this control plane leads no more');
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener(leading);
      } catch (error) {
        reportFault(error);
      }
    }
  }

  #pauseMs(): number {
    const { config, env } = this.#parts;
    const retryMs = config.retryPeriodSeconds * 1000;
    if (this.leading()) return retryMs;
    const jittered = retryMs * (1 + env.random.next() * jitterShare);
    const expiresInMs = this.#expiresInMs();
    // Whoever stands by looks when the lease runs out, and not just before.
    return expiresInMs > 0 ? Math.min(jittered, expiresInMs + retryMs * env.random.next() * jitterShare) : jittered;
  }

  /** Ends early by {@link hurry} and {@link stop}. */
  #pause(): Promise<void> {
    if (this.#hurry || this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#parts.env.timers.after(Math.max(1, this.#pauseMs()), () => this.#wake?.());
      this.#wake = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** The work goes on in the background when its time is up; whatever it writes then is fenced by the lease's version. */
  async #within(limitMs: number, work: Promise<void>): Promise<void> {
    const { timers } = this.#parts.env;
    const cut = new AbortController();
    work.catch(() => undefined);
    const limit = timers.sleep(limitMs, cut.signal).then(() => {
      throw new Error(`the API did not answer within ${limitMs} ms`);
    });
    try {
      await Promise.race([work, limit]);
    } finally {
      cut.abort();
      limit.catch(() => undefined);
    }
  }

  #now(): number {
    return this.#parts.env.clock.monotonic();
  }
}
