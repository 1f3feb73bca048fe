import { describe, expect, it } from '@jest/globals';
import { MemberClock } from './member-clock.ts';
import { Scheduler } from './scheduler.ts';

describe('member clock', () => {
  it('drifts, keeps monotonic through changes of rate, and fires by its own time', () => {
    const scheduler = new Scheduler();
    const clock = new MemberClock(scheduler);
    clock.setRate(2);
    let firedAtMs = -1;
    clock.after(100, () => (firedAtMs = scheduler.nowMs));
    scheduler.runUntil(60);
    expect(firedAtMs).toBe(50);
    expect(clock.monotonic()).toBe(120);
    clock.setRate(0.5);
    scheduler.runUntil(80);
    expect(clock.monotonic()).toBe(130);
  });

  it('jumps with the wall clock alone', () => {
    const scheduler = new Scheduler();
    const clock = new MemberClock(scheduler);
    scheduler.runUntil(10);
    clock.jump(-3_600_000);
    expect([clock.monotonic(), clock.wall()]).toEqual([10, -3_599_990]);
  });
});
