import { describe, expect, it } from '@jest/globals';
import { callWithin, cutOff } from './call-within.ts';

const loop = (): never => {
  for (;;);
};

describe('callWithin', () => {
  it('passes results, promises and throws on', async () => {
    expect(callWithin(1000, () => 5)).toBe(5);
    expect(callWithin(1000, () => undefined)).toBeUndefined();
    expect(await callWithin(1000, async () => 'later')).toBe('later');
    const thrown = { any: 'thing' };
    let caught: unknown;
    try {
      callWithin(1000, () => {
        throw thrown;
      });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBe(thrown);
  });

  it.each<[string, () => unknown]>([
    ['a loop', loop],
    ['a loop that catches', () => tryLoop()],
    ['an async function before its first await', async () => loop()],
    ['a regular expression that backtracks', () => /^(a+)+$/.test(`${'a'.repeat(60)}b`)],
    ['a wait', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)],
  ])('cuts off %s', (_what, fn) => {
    const startedAt = performance.now();
    expect(callWithin(50, fn)).toBe(cutOff);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it('gives a result or cuts off, also when the time is over just as the call returns', () => {
    const outcomes = new Set<unknown>();
    for (let call = 0; call < 500; call += 1) {
      const busyUntil = performance.now() + 0.9 + (call % 20) / 50;
      outcomes.add(
        callWithin(1, () => {
          while (performance.now() < busyUntil);
          return 'value';
        }),
      );
    }
    expect([...outcomes].filter((outcome) => outcome !== 'value' && outcome !== cutOff)).toEqual([]);
  });

  it('leaves alone what is queued by others, and what follows an await', async () => {
    const seen: string[] = [];
    void Promise.resolve().then(() => seen.push('reaction'));
    process.nextTick(() => seen.push('tick'));
    const slow = callWithin(200, async () => {
      await new Promise((resolve) => {
        setTimeout(resolve, 400);
      });
      return 'slow';
    });
    expect(callWithin(20, loop)).toBe(cutOff);
    expect(seen).toEqual([]);
    expect(await slow).toBe('slow');
    expect(seen.sort()).toEqual(['reaction', 'tick']);
  });

  it('may be nested: the inner limit and the outer one hold', () => {
    expect(callWithin(10_000, () => callWithin(20, loop))).toBe(cutOff);
    expect(callWithin(10_000, () => [callWithin(20, loop), callWithin(1000, () => 1)])).toEqual([cutOff, 1]);
    let after = false;
    const outer = callWithin(20, () => {
      callWithin(10_000, loop);
      after = true;
    });
    expect(outer).toBe(cutOff);
    expect(after).toBe(false);
  });
});

function tryLoop(): void {
  try {
    loop();
  } catch {
    loop();
  } finally {
    loop();
  }
}
