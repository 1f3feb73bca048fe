import { describe, expect, it } from '@jest/globals';
import { SimRandom } from './random.ts';
import { Scheduler } from './scheduler.ts';

describe('scheduler', () => {
  it('runs by time, and what is due at once in the order of making', () => {
    const scheduler = new Scheduler();
    const random = new SimRandom(1);
    const ran: [number, number][] = [];
    for (let i = 0; i < 500; i++) scheduler.after(random.int(50), () => ran.push([scheduler.nowMs, i]));
    scheduler.runUntil(100);
    expect(ran).toHaveLength(500);
    expect(ran).toEqual(ran.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
    expect(scheduler.nowMs).toBe(100);
  });

  it('does not run what was cancelled or is due later', () => {
    const scheduler = new Scheduler();
    const ran: string[] = [];
    scheduler.after(1, () => ran.push('cancelled')).cancel();
    scheduler.after(2, () => scheduler.after(1, () => ran.push('nested')));
    scheduler.after(11, () => ran.push('late'));
    scheduler.runUntil(10);
    expect(ran).toEqual(['nested']);
    expect(scheduler.steps).toBe(2);
  });

  it('stops when told', () => {
    const scheduler = new Scheduler();
    let count = 0;
    const again = (): void => {
      count += 1;
      scheduler.after(1, again);
    };
    again();
    scheduler.runUntil(1_000, () => count === 5);
    expect([count, scheduler.nowMs]).toEqual([5, 4]);
  });
});
