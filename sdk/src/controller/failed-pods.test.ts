import { describe, expect, it } from '@jest/globals';
import { FailedPods } from './failed-pods.ts';

describe('when a failed pod is replaced', () => {
  it('the first at once, the next ones later and later up to the limit', () => {
    const failed = new FailedPods(4000);
    let nowMs = 10_000;
    const waits = ['a', 'b', 'c', 'd', 'e'].map((uid) => {
      const dueMs = failed.dueMs('node-1', uid, nowMs);
      const wait = dueMs - nowMs;
      nowMs = dueMs;
      return wait;
    });
    expect(waits).toEqual([0, 1000, 2000, 4000, 4000]);
  });

  it('to be asked again about one failure changes nothing, and places do not know one another', () => {
    const failed = new FailedPods(60_000);
    expect(failed.dueMs('node-1', 'a', 1000)).toBe(1000);
    expect(failed.dueMs('node-1', 'b', 1000)).toBe(2000);
    expect(failed.dueMs('node-1', 'b', 1500)).toBe(2000);
    expect(failed.dueMs('node-2', 'c', 1500)).toBe(1500);
  });

  it('a place that was well for long begins anew', () => {
    const failed = new FailedPods(1000);
    failed.dueMs('node-1', 'a', 0);
    expect(failed.dueMs('node-1', 'b', 500)).toBe(1000);
    expect(failed.dueMs('node-1', 'c', 3001)).toBe(3001);
    expect(failed.dueMs('node-1', 'd', 3001)).toBe(4001);
  });

  it('a clock that is set back adds nothing to the wait', () => {
    const failed = new FailedPods(4000);
    const hourMs = 3_600_000;
    failed.dueMs('node-1', 'a', hourMs);
    expect(failed.dueMs('node-1', 'b', hourMs)).toBe(hourMs + 1000);
    expect(failed.dueMs('node-1', 'b', 0)).toBe(1000);
    expect(failed.dueMs('node-1', 'b', 900)).toBe(1000);
    failed.dueMs('node-2', 'c', hourMs);
    expect(failed.dueMs('node-2', 'd', 0)).toBe(1000);
  });

  it('two failed pods of one place do not make each other wait anew', () => {
    const failed = new FailedPods(60_000);
    expect([failed.dueMs('node-1', 'a', 0), failed.dueMs('node-1', 'b', 0)]).toEqual([0, 1000]);
    for (let nowMs = 10; nowMs < 1000; nowMs += 10) {
      expect([failed.dueMs('node-1', 'a', nowMs), failed.dueMs('node-1', 'b', nowMs)]).toEqual([0, 1000]);
    }
    expect(failed.dueMs('node-1', 'c', 1000)).toBe(3000);
  });
});
