import type { Env, LogFields, Logger } from '@timonel/sdk';

const maxKeys = 1024;

/** Warnings that could come a thousand times a second: one for each key and time, the others are counted. */
export class TroubleLog {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #everyMs: number;
  // In the order of the last line, oldest first.
  readonly #told = new Map<string, { atMs: number; unsaid: number }>();

  constructor(env: Env, log: Logger, everyMs: number) {
    this.#env = env;
    this.#log = log;
    this.#everyMs = everyMs;
  }

  warn(key: string, fields: LogFields, message: string): void {
    const nowMs = this.#env.clock.monotonic();
    const told = this.#told.get(key);
    if (told !== undefined && nowMs - told.atMs < this.#everyMs) {
      told.unsaid++;
      return;
    }
    this.#told.delete(key);
    this.#told.set(key, { atMs: nowMs, unsaid: 0 });
    this.#forgetOldest();
    this.#log.warn(told === undefined || told.unsaid === 0 ? fields : { ...fields, unsaid: told.unsaid }, message);
  }

  #forgetOldest(): void {
    for (const key of this.#told.keys()) {
      if (this.#told.size <= maxKeys) return;
      this.#told.delete(key);
    }
  }
}
