import type { Env } from '@timonel/sdk';
import type { Raft, Ready } from '../raft/index.ts';

export interface CoreLoopOptions {
  readonly env: Env;
  readonly raft: Raft;
  readonly tickMs: number;
  /** Before the Readies of a turn are taken: gives the core what has gathered for it. */
  readonly gather: () => void;
  readonly handle: (ready: Ready) => void;
  /** The core threw: this member has stopped for good. */
  readonly failed: (error: unknown) => void;
}

/** After entries of so many bytes were applied in one turn, others get theirs. */
const turnBytes = 1024 * 1024;
/** Index, term and what applying costs at least. */
const entryBytes = 100;

/** All input of the core comes through here, turn by turn; what comes in one turn goes into one Ready. */
export class CoreLoop {
  readonly #options: CoreLoopOptions;
  #tickedMs: number;
  #pumpQueued = false;
  #pumping = false;
  #stopped = false;

  constructor(options: CoreLoopOptions) {
    this.#options = options;
    this.#tickedMs = options.env.clock.monotonic();
  }

  /** Something happens to the core; what it asks for is done at the end of the turn. undefined: it has stopped. */
  input<T>(action: () => T): T | undefined {
    if (this.#stopped) return undefined;
    try {
      this.#catchUp();
      const result = action();
      this.pumpSoon();
      return result;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  pumpSoon(): void {
    if (this.#pumpQueued) return;
    this.#pumpQueued = true;
    // The end of this turn: what else comes in it shares the Ready.
    queueMicrotask(() => {
      this.#pumpQueued = false;
      this.pump();
    });
  }

  pump(): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    try {
      this.#catchUp();
      this.#options.gather();
      this.#handleAll();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#pumping = false;
    }
  }

  /** The core is not asked any more. */
  stop(): void {
    this.#stopped = true;
  }

  #handleAll(): void {
    const { raft, handle, env } = this.#options;
    for (let bytes = 0; !this.#stopped && raft.hasReady();) {
      if (bytes >= turnBytes) {
        env.timers.after(0, () => this.pump());
        return;
      }
      const ready = raft.ready();
      for (const entry of ready.committed) {
        bytes += entryBytes + (entry.type === 'command' ? entry.data.byteLength : 0);
      }
      handle(ready);
    }
  }

  /** The ticks that have passed: after a pause all at once, before anything else. */
  #catchUp(): void {
    const { env, raft, tickMs } = this.#options;
    const ticks = Math.floor((env.clock.monotonic() - this.#tickedMs) / tickMs);
    if (ticks <= 0) return;
    this.#tickedMs += ticks * tickMs;
    raft.tick(ticks);
  }

  #fail(error: unknown): void {
    this.#stopped = true;
    this.#options.failed(error);
  }
}
