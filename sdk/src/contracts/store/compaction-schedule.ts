import type { Env, TimerHandle } from '../../kernel/index.ts';

/** How much history a store keeps on its own account. */
export interface CompactionPolicy {
  /** At least this many revisions stay readable. */
  readonly retainRevisions: number;
  /** Revisions younger than this stay readable, unless there are more than `maxRevisions`. */
  readonly retainMs: number;
  /** At most about this many revisions stay readable, however young: the bound on disk and memory. */
  readonly maxRevisions: number;
  /** How often it compacts. It looks five times as often whether there are a tenth more revisions than `maxRevisions`. */
  readonly checkMs: number;
}

/** The policy that stores use unless told otherwise. */
export const defaultCompactionPolicy: CompactionPolicy = {
  retainRevisions: 10_000,
  retainMs: 5 * 60_000,
  maxRevisions: 100_000,
  checkMs: 5_000,
};

const looksPerCheck = 5;
/** So much over its bound the history may grow between two checks. */
const overshoot = 1.1;

interface Sample {
  readonly atMs: number;
  readonly revision: number;
}

/** Compacts a store from time to time. */
export class CompactionSchedule {
  readonly #env: Env;
  readonly #policy: CompactionPolicy;
  readonly #revision: () => number;
  readonly #compact: (revision: number) => void;
  readonly #timer: TimerHandle;
  #samples: Sample[] = [];
  #looks = 0;
  #compacted = 0;

  /**
   * @param revision tells the current revision
   * @param compact is called with the revision to keep as the oldest; must not throw
   */
  constructor(env: Env, policy: CompactionPolicy, revision: () => number, compact: (revision: number) => void) {
    this.#env = env;
    this.#policy = policy;
    this.#revision = revision;
    this.#compact = compact;
    this.#timer = env.timers.every(Math.max(1, policy.checkMs / looksPerCheck), () => this.#look());
  }

  close(): void {
    this.#timer.cancel();
  }

  #look(): void {
    this.#looks++;
    const kept = this.#revision() - this.#compacted;
    if (this.#looks % looksPerCheck === 0 || kept > overshoot * this.#policy.maxRevisions) this.#check();
  }

  #check(): void {
    const atMs = this.#env.clock.monotonic();
    const revision = this.#revision();
    if (this.#samples.at(-1)?.revision !== revision) this.#samples.push({ atMs, revision });
    // The newest sample that is old enough: what came before it is older still.
    let old = 0;
    const oldest = atMs - this.#policy.retainMs;
    while ((this.#samples[old + 1]?.atMs ?? Infinity) <= oldest) old++;
    this.#samples = this.#samples.slice(old);
    const first = this.#samples[0];
    const byAge = first !== undefined && first.atMs <= oldest ? first.revision : 0;
    const byCount = revision - this.#policy.retainRevisions;
    const target = Math.max(Math.min(byAge, byCount), revision - this.#policy.maxRevisions);
    if (target <= 1) return;
    this.#compacted = target;
    this.#compact(target);
  }
}
