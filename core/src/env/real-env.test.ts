import { describe, expect, it } from '@jest/globals';
import { createRealEnv } from './real-env.ts';

describe('createRealEnv', () => {
  const env = createRealEnv();

  it('writes times as the API does', () => {
    expect(env.clock.timestamp()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(env.clock.microTimestamp()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(Math.abs(env.clock.now() - Date.now())).toBeLessThan(1000);
  });

  it('keeps a timer longer than Node can count', async () => {
    let fired = false;
    const timer = env.timers.after(2 ** 31 + 1000, () => {
      fired = true;
    });
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    expect(fired).toBe(false);
    timer.cancel();
    expect(() => env.timers.every(2 ** 31, () => undefined)).toThrow('too long');
  });

  it('does not keep the process alive', () => {
    const before = process.getActiveResourcesInfo().length;
    const timers = [env.timers.after(1e6, () => undefined), env.timers.every(1e6, () => undefined)];
    expect(process.getActiveResourcesInfo().length).toBe(before);
    for (const timer of timers) timer.cancel();
  });

  it('sleeps, and wakes up when aborted', async () => {
    await env.timers.sleep(1);
    const controller = new AbortController();
    const sleep = env.timers.sleep(1e6, controller.signal);
    controller.abort();
    await expect(sleep).rejects.toMatchObject({ name: 'AbortError' });
    expect(env.random.bytes(16)).toHaveLength(16);
    expect(env.random.uuid()).not.toBe(env.random.uuid());
    expect(env.random.int(5)).toBeLessThan(5);
  });
});
