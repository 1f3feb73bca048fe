import { describe, expect, it } from '@jest/globals';
import { History } from '../workload/history.ts';
import type { Answer, Operation } from '../workload/operation.ts';
import { checkLeases, LeaseEnds } from './leases.ts';

function bed() {
  const found: string[] = [];
  const clock = { nowMs: 0 };
  const history = new History(() => clock.nowMs);
  const ends = new LeaseEnds(() => ({ at: history.tick(), atMs: clock.nowMs }));
  const ask = (operation: Operation, lease: number, takesMs = 0): void => {
    const entry = history.call('a', 1, operation);
    clock.nowMs += takesMs;
    const answer: Answer = { revision: 1, changed: false, kvs: [], lease };
    history.return(entry, answer, 'm', 1);
  };
  const check = (): string[] => {
    checkLeases(history.entries, ends, 1.1, (text) => found.push(text));
    return found;
  };
  return { clock, ends, ask, check };
}

describe('leases', () => {
  it('may run out when their time is over, counted from when they were asked for', () => {
    const { clock, ends, ask, check } = bed();
    ask({ type: 'grant', ttlMs: 110 }, 7, 50);
    clock.nowMs = 100;
    expect(ends.ended(7, true)).toBe(true);
    expect(ends.ended(7, true)).toBe(false);
    expect(check()).toEqual([]);
  });

  it('do not run out before, and not before the time that a keep-alive gave', () => {
    const early = bed();
    early.ask({ type: 'grant', ttlMs: 110 }, 7);
    early.clock.nowMs = 99;
    early.ends.ended(7, true);
    expect(early.check()).toHaveLength(1);
    const kept = bed();
    kept.ask({ type: 'grant', ttlMs: 110 }, 7);
    kept.clock.nowMs = 80;
    kept.ask({ type: 'keepAlive', leaseId: 7 }, 7);
    kept.clock.nowMs = 150;
    kept.ends.ended(7, true);
    expect(kept.check()[0]).toContain('promised until 180');
  });

  it('end early only when they are revoked', () => {
    const { clock, ends, ask, check } = bed();
    ask({ type: 'grant', ttlMs: 110 }, 7);
    clock.nowMs = 10;
    ends.ended(7, false);
    expect(check()).toEqual([]);
  });

  it('do not come back after their end', () => {
    const { clock, ends, ask, check } = bed();
    ask({ type: 'grant', ttlMs: 10 }, 7);
    clock.nowMs = 20;
    ends.ended(7, true);
    ask({ type: 'keepAlive', leaseId: 7 }, 0);
    expect(check()).toEqual([]);
    ask({ type: 'keepAlive', leaseId: 7 }, 7);
    expect(check()[0]).toContain('after its end');
  });
});
