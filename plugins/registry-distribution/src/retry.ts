import type { Env } from '@timonel/sdk';
import type { RegistryConfig } from './config.ts';
import { isFailure } from './failure.ts';

/** How long to wait after the failed try number `n`; undefined: another one would be in vain. */
export function pauseAfter(error: unknown, n: number, env: Env, config: RegistryConfig): number | undefined {
  if (!isFailure(error) || error.final) return undefined;
  if (error.stale) return 0;
  if (error.kind !== 'unreachable' && error.kind !== 'busy') return undefined;
  const { retryAfterMs = 0 } = error;
  if (retryAfterMs > config.retryAfterMaxMs) return undefined;
  const longest = Math.min(config.backoffMaxMs, config.backoffMs * 2 ** (n - 1));
  return Math.max(retryAfterMs, longest / 2 + (longest / 2) * env.random.next());
}

/** Tries `attempt` until it succeeds, fails for good, or failed `tries` times. */
export async function retried<T>(
  attempt: () => Promise<T>,
  parts: {
    readonly env: Env;
    readonly config: RegistryConfig;
    readonly tries: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      const pause = n < parts.tries ? pauseAfter(error, n, parts.env, parts.config) : undefined;
      if (pause === undefined) throw error;
      await parts.env.timers.sleep(pause, parts.signal);
    }
  }
}
