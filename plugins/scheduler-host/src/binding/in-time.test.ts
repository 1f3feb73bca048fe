import { describe, expect, it } from '@jest/globals';
import { manualEnv } from '@timonel/testkit';
import { inTime, type TimeLimit } from './in-time.ts';

function bench(): { limit: TimeLimit; stop: AbortController; env: ReturnType<typeof manualEnv> } {
  const env = manualEnv();
  const stop = new AbortController();
  return { env, stop, limit: { timers: env.timers, ms: 100, signal: stop.signal, late: () => new Error('late') } };
}

describe('work in time', () => {
  it('gives its result or its error, and leaves no timer', async () => {
    const { limit, env } = bench();
    expect(await inTime(() => Promise.resolve(1), limit)).toBe(1);
    await expect(inTime(() => Promise.reject(new Error('boom')), limit)).rejects.toThrow('boom');
    const thrower = (): never => {
      throw new Error('at once');
    };
    await expect(inTime(thrower, limit)).rejects.toThrow('at once');
    expect(env.pendingTimers).toBe(0);
  });

  it('is given up when the time is over, or the signal aborts', async () => {
    const { limit, env, stop } = bench();
    const hanging = inTime(() => new Promise(() => undefined), limit);
    const late = expect(hanging).rejects.toThrow('late');
    await env.advance(100);
    await late;
    const stopped = expect(inTime(() => new Promise(() => undefined), limit)).rejects.toThrow('stop');
    stop.abort(new Error('stop'));
    await stopped;
    await expect(inTime(() => Promise.resolve(1), limit)).rejects.toThrow('stop');
    expect(env.pendingTimers).toBe(0);
  });
});
