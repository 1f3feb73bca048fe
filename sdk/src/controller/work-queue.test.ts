import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import fc from 'fast-check';
import { WorkQueue } from './work-queue.ts';

const env = () => createSimulatedEnv({ seed: 1 });

describe('WorkQueue', () => {
  it('hands keys out in order and each once while it waits', async () => {
    const queue = new WorkQueue(env());
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.queued).toBe(3);
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['a', 'b', 'c']);
    expect(queue.processing).toBe(3);
  });

  it('holds back a key that is being processed and hands it out again after done', async () => {
    const queue = new WorkQueue(env());
    queue.add('a');
    expect(await queue.take()).toBe('a');
    queue.add('a');
    queue.add('b');
    expect(await queue.take()).toBe('b');
    const next = queue.take();
    queue.done('a');
    expect(await next).toBe('a');
    queue.done('a');
    queue.done('b');
    expect(queue.queued + queue.processing).toBe(0);
  });

  it('adds after a delay; the earliest of several counts; an immediate add replaces the delay', async () => {
    const time = env();
    const queue = new WorkQueue(time);
    queue.addAfter('a', 100);
    queue.addAfter('a', 50);
    queue.addAfter('a', 500);
    expect(queue.delayed).toBe(1);
    await time.advance(49);
    expect(queue.queued).toBe(0);
    await time.advance(1);
    expect(queue.queued).toBe(1);
    queue.addAfter('b', 100);
    queue.add('b');
    expect(queue.delayed).toBe(0);
    await time.advance(1000);
    expect(queue.queued).toBe(2);
    expect(time.pendingTimers).toBe(0);
  });

  it('doubles the back-off up to the limit, and starts over after forget', () => {
    const queue = new WorkQueue(env(), { retryBaseMs: 10, retryLimitMs: 100 });
    const delays = Array.from({ length: 6 }, () => queue.addRateLimited('a'));
    [10, 20, 40, 80, 100, 100].forEach((ceiling, index) => {
      expect(delays[index]).toBeLessThanOrEqual(ceiling);
      expect(delays[index]).toBeGreaterThanOrEqual(ceiling * 0.9);
    });
    expect(queue.failuresOf('a')).toBe(6);
    queue.forget('a');
    expect(queue.addRateLimited('a')).toBeLessThanOrEqual(10);
  });

  it('refuses new keys at its bound and asks for all of them once it has run empty', async () => {
    const all = ['a', 'b', 'c'];
    const queue: WorkQueue = new WorkQueue(env(), {
      keyLimit: 2,
      onOverflowEnd: () => all.forEach((key) => queue.add(key)),
    });
    expect(all.map((key) => queue.add(key))).toEqual([true, true, false]);
    const seen: string[] = [];
    for (let turn = 0; turn < 2; turn++) {
      const key = (await queue.take()) ?? '';
      seen.push(key);
      queue.done(key);
    }
    expect(seen).toEqual(['a', 'b']);
    expect(queue.queued).toBe(2);
  });

  it('after shutdown hands out what waits, then undefined; delayed keys are dropped', async () => {
    const time = env();
    const queue = new WorkQueue(time);
    queue.add('a');
    queue.addAfter('b', 10);
    queue.shutDown();
    expect(queue.add('c')).toBe(false);
    expect(time.pendingTimers).toBe(0);
    expect(await queue.take()).toBe('a');
    let idle = false;
    void queue.whenIdle().then(() => (idle = true));
    await time.settle();
    expect(idle).toBe(false);
    queue.done('a');
    await time.settle();
    expect(idle).toBe(true);
    expect(await queue.take()).toBeUndefined();
  });

  it('releases workers that wait when it is shut down', async () => {
    const queue = new WorkQueue(env());
    const waiting = [queue.take(), queue.take()];
    queue.shutDown({ drop: true });
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
  });

  it('property: never the same key twice at once, and every add is followed by a hand-out', async () => {
    const step = fc.record({ do: fc.constantFrom('add', 'take', 'done'), key: fc.constantFrom('a', 'b', 'c', 'd') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const queue = new WorkQueue(env());
        const busy = new Set<string>();
        const owed = new Set<string>();
        for (const { do: what, key } of steps) {
          if (what === 'add') {
            queue.add(key);
            owed.add(key);
          } else if (what === 'done' && busy.delete(key)) queue.done(key);
          else if (what === 'take' && [...owed].some((owing) => !busy.has(owing))) {
            const taken = (await queue.take()) ?? '';
            expect(busy.has(taken)).toBe(false);
            busy.add(taken);
            owed.delete(taken);
          }
          expect(queue.processing).toBe(busy.size);
          expect(queue.queued).toBe(owed.size);
        }
      }),
    );
  });
});
