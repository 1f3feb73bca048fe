import { setMaxListeners } from 'node:events';
import type { Env } from '@timonel/sdk';
import type { RegistryConfig } from './config.ts';
import { isFailure, RegistryFailure } from './failure.ts';

/** How long to wait after the failed try number `n`; undefined: another one would be in vain. */
function pauseAfter(error: unknown, n: number, env: Env, config: RegistryConfig): number | undefined {
  if (!isFailure(error) || error.final) return undefined;
  if (error.stale) return 0;
  if (error.kind !== 'unreachable' && error.kind !== 'busy') return undefined;
  const { retryAfterMs = 0 } = error;
  if (retryAfterMs > config.retryAfterMaxMs) return undefined;
  const longest = Math.min(config.backoffMaxMs, config.backoffMs * 2 ** (n - 1));
  return Math.max(retryAfterMs, longest / 2 + (longest / 2) * env.random.next());
}

/** Tries, and the pauses between them. */
export class Retries {
  readonly #env: Env;
  readonly #config: RegistryConfig;
  readonly #closing = new AbortController();

  constructor(env: Env, config: RegistryConfig) {
    this.#env = env;
    this.#config = config;
    setMaxListeners(Number.POSITIVE_INFINITY, this.#closing.signal);
  }

  /** Tries `attempt` until it succeeds, fails for good, or failed `tries` times. */
  async run<T>(attempt: () => Promise<T>, tries: number, signal: AbortSignal | undefined): Promise<T> {
    for (let n = 1; ; n++) {
      try {
        return await attempt();
      } catch (error) {
        await this.pause(error, n, tries, signal);
      }
    }
  }

  /** Waits after the failed try number `n`. @throws what it failed with, where there is to be no other; the reason of the signal */
  async pause(error: unknown, n: number, tries: number, signal: AbortSignal | undefined): Promise<void> {
    const ms = n < tries ? pauseAfter(error, n, this.#env, this.#config) : undefined;
    if (ms === undefined) throw error;
    const ended = new AbortController();
    const sources = [this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    const end = (): void => ended.abort(sources.find(({ aborted }) => aborted)?.reason);
    for (const source of sources) source.addEventListener('abort', end, { once: true });
    if (sources.some(({ aborted }) => aborted)) end();
    try {
      await this.#env.timers.sleep(ms, ended.signal);
    } finally {
      for (const source of sources) source.removeEventListener('abort', end);
    }
  }

  /** Nobody waits any longer: the timers of a plugin that ends do not come. */
  close(): void {
    this.#closing.abort(new RegistryFailure('unreachable', 'the client of registries was closed', { final: true }));
  }
}
