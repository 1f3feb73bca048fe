import type { Env } from '@timonel/sdk';

/** True: the work ended, well or badly. False: the time was over first; the work goes on. */
export async function endsWithin(env: Env, timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  const waited = new AbortController();
  const ended = work.then(
    () => true,
    () => true,
  );
  const over = env.timers.sleep(timeoutMs, waited.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([ended, over]);
  } finally {
    waited.abort();
  }
}
