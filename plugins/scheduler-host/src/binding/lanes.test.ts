import { describe, expect, it } from '@jest/globals';
import { Lanes } from './lanes.ts';

describe('lanes', () => {
  it('run so many at once, in order, and all of them', async () => {
    const lanes = new Lanes(3, () => undefined);
    const began: number[] = [];
    let running = 0;
    let most = 0;
    for (let index = 0; index < 5000; index++) {
      lanes.run(async () => {
        began.push(index);
        running += 1;
        most = Math.max(most, running);
        await Promise.resolve();
        running -= 1;
      });
    }
    expect(began).toEqual([0, 1, 2]);
    expect(lanes.size).toBe(5000);
    await lanes.below(100);
    expect(lanes.size).toBeLessThanOrEqual(100);
    expect(lanes.size).toBeGreaterThan(50);
    await lanes.below(0);
    expect(began).toEqual(Array.from({ length: 5000 }, (_, index) => index));
    expect(most).toBe(3);
    lanes.run(() => Promise.resolve());
    await lanes.below(0);
    expect(lanes.size).toBe(0);
  });

  it('go on after work that rejects or throws', async () => {
    const faults: unknown[] = [];
    const lanes = new Lanes(1, (error) => faults.push(error));
    const done: number[] = [];
    lanes.run(() => Promise.reject(new Error('first')));
    lanes.run(() => {
      throw new Error('second');
    });
    lanes.run(() => Promise.resolve(void done.push(3)));
    await lanes.below(0);
    expect(faults).toEqual([new Error('first'), new Error('second')]);
    expect(done).toEqual([3]);
  });
});
