import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from './simulated-env.ts';

describe('createSimulatedEnv', () => {
  it('gives the same random sequence for the same seed and another for another', () => {
    const draw = (seed: number | string): unknown[] => {
      const { random } = createSimulatedEnv({ seed });
      return [random.next(), random.int(1000), random.uuid(), [...random.bytes(4)]];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw('seven')).toEqual(draw('seven'));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(7)[2]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('spreads random numbers evenly over 0..1', () => {
    const { random } = createSimulatedEnv({ seed: 3 });
    const buckets = new Map<number, number>();
    for (let i = 0; i < 10_000; i++) {
      const bucket = random.int(10);
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
    }
    expect(buckets.size).toBe(10);
    for (const size of buckets.values()) expect(Math.abs(size - 1000)).toBeLessThan(150);
  });

  it('runs timers in order of time, then of making, and what follows from each before the next', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    const seen: string[] = [];
    const mark = (name: string): void => void seen.push(`${name}@${env.clock.monotonic()}`);
    env.timers.after(20, () => mark('late'));
    env.timers.after(10, () => {
      mark('first');
      void Promise.resolve().then(() => env.timers.after(0, () => mark('follows')));
    });
    env.timers.after(10, () => mark('second'));
    await env.advance(9);
    expect(seen).toEqual([]);
    await env.advance(11);
    expect(seen).toEqual(['first@10', 'second@10', 'follows@10', 'late@20']);
    expect(env.clock.timestamp()).toBe('2026-01-01T00:00:00Z');
    expect(env.clock.microTimestamp()).toBe('2026-01-01T00:00:00.020000Z');
  });

  it('repeats, cancels and aborts', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    let ticks = 0;
    const timer = env.timers.every(10, () => ticks++);
    await env.advance(35);
    timer.cancel();
    await env.advance(100);
    expect(ticks).toBe(3);
    const controller = new AbortController();
    const sleep = env.timers.sleep(1000, controller.signal);
    controller.abort();
    await expect(sleep).rejects.toMatchObject({ name: 'AbortError' });
    await expect(env.timers.sleep(1, controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(env.pendingTimers).toBe(0);
  });

  it('runs until a condition holds, and says when it cannot', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    let done = false;
    env.timers.after(5000, () => {
      done = true;
    });
    await env.runUntil(() => done);
    expect(env.clock.monotonic()).toBe(5000);
    await expect(env.runUntil(() => false)).rejects.toThrow('no timer is left');
    env.timers.every(1000, () => undefined);
    await expect(env.runUntil(() => false, 10_000)).rejects.toThrow('10000 ms of simulated time');
  });
});
