import type { Env, TimerHandle } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import type { ReadResult } from '../raft/index.ts';

export interface ReadOptions {
  readonly env: Env;
  readonly requestTimeoutMs: number;
  /** Asked again after so long without an answer. */
  readonly retryMs: number;
  /** Asks the core for a read index. */
  readonly read: (context: number) => void;
  readonly appliedIndex: () => number;
  readonly trouble: () => string;
}

interface Round {
  readonly promise: Promise<void>;
  readonly deadlineMs: number;
  resolve(): void;
  reject(error: unknown): void;
  /** The question that is under way; undefined: it waits to be asked. */
  context: number | undefined;
  askedMs: number;
  /** What has to be applied. */
  index: number | undefined;
}

const retryAfterRefusalMs = 20;

/**
 * Linearizable reads (dissertation 6.4): a round asks the leader for its commit index, and is over when the state has come so far.
 * All reads that come while a round is asked share the next one: a read may not use a round that began before it.
 */
export class Reads {
  readonly #options: ReadOptions;
  #running: Round | undefined;
  #next: Round | undefined;
  /** Answered, and waiting for the state. */
  #applying: Round[] = [];
  /** Begins anywhere, so that an answer to a question of a former life of this member is not taken for one of this life. */
  #lastContext: number;
  readonly #timer: TimerHandle;
  #closed: StoreError | undefined;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.#lastContext = options.env.random.int(2 ** 31) * 2 ** 20;
    this.#timer = options.env.timers.every(Math.max(10, Math.min(retryAfterRefusalMs, options.retryMs)), () =>
      this.#check(),
    );
  }

  /** Resolves when all that was acknowledged anywhere before the call can be read here. @throws StoreError UNAVAILABLE, STOPPED */
  barrier(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#running !== undefined) {
      this.#next ??= this.#newRound();
      return this.#next.promise;
    }
    const round = this.#newRound();
    this.#running = round;
    this.#ask(round);
    return round.promise;
  }

  /** Answers of the core. */
  answered({ context, index }: ReadResult): void {
    const round = this.#running;
    if (round === undefined || round.context !== context) return;
    if (index === undefined) {
      // No leader at the moment: asked again by the timer.
      round.context = undefined;
      return;
    }
    round.index = index;
    this.#running = undefined;
    if (index <= this.#options.appliedIndex()) round.resolve();
    else this.#applying.push(round);
    this.#startNext();
  }

  /** The state has come further. */
  applied(): void {
    if (this.#applying.length === 0) return;
    const appliedIndex = this.#options.appliedIndex();
    const due = this.#applying.filter(({ index = Infinity }) => index <= appliedIndex);
    if (due.length === 0) return;
    this.#applying = this.#applying.filter((round) => !due.includes(round));
    for (const round of due) round.resolve();
  }

  /** A new leader: the question may be lost. */
  leaderChanged(): void {
    if (this.#running !== undefined) this.#running.context = undefined;
    this.#check();
  }

  close(error: StoreError): void {
    this.#closed = error;
    this.#timer.cancel();
    for (const round of [this.#running, this.#next, ...this.#applying]) round?.reject(error);
    this.#running = undefined;
    this.#next = undefined;
    this.#applying = [];
  }

  #newRound(): Round {
    const deadlineMs = this.#options.env.clock.monotonic() + this.#options.requestTimeoutMs;
    let resolve: () => void = () => undefined;
    let reject: (error: unknown) => void = () => undefined;
    const promise = new Promise<void>((resolvePromise, rejectPromise) => {
      resolve = resolvePromise;
      reject = rejectPromise;
    });
    // It may end before anybody waits for it.
    promise.catch(() => undefined);
    return { promise, deadlineMs, resolve, reject, context: undefined, askedMs: 0, index: undefined };
  }

  #ask(round: Round): void {
    round.context = ++this.#lastContext;
    round.askedMs = this.#options.env.clock.monotonic();
    this.#options.read(round.context);
  }

  #startNext(): void {
    if (this.#next === undefined || this.#running !== undefined) return;
    this.#running = this.#next;
    this.#next = undefined;
    this.#ask(this.#running);
  }

  #check(): void {
    if (this.#running === undefined && this.#applying.length === 0) return;
    const now = this.#options.env.clock.monotonic();
    const late = (round: Round): boolean => round.deadlineMs <= now;
    const error = (): StoreError =>
      new StoreError('UNAVAILABLE', `the read was not answered in time: ${this.#options.trouble()}; try again`);
    for (const round of this.#applying.filter(late)) round.reject(error());
    this.#applying = this.#applying.filter((round) => !late(round));
    const round = this.#running;
    if (round === undefined) return;
    if (late(round)) {
      this.#running = undefined;
      round.reject(error());
      this.#startNext();
    } else if (round.context === undefined || round.askedMs + this.#options.retryMs <= now) {
      this.#ask(round);
    }
  }
}
