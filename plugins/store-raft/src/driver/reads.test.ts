import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core/env';
import { StoreError } from '@timonel/sdk/contracts/store';
import { Reads } from './reads.ts';

class Bed {
  readonly env: SimulatedEnv;
  readonly asked: number[] = [];
  appliedIndex = 10;
  readonly reads: Reads;

  constructor(seed = 1) {
    this.env = createSimulatedEnv({ seed });
    this.reads = new Reads({
      env: this.env,
      requestTimeoutMs: 1_000,
      retryMs: 100,
      read: (context) => this.asked.push(context),
      appliedIndex: () => this.appliedIndex,
      trouble: () => 'trouble',
    });
  }

  /** 'open' until it ends. */
  barrier(): { outcome: string } {
    const result = { outcome: 'open' };
    this.reads.barrier().then(
      () => (result.outcome = 'done'),
      (error: { code: string }) => (result.outcome = error.code),
    );
    return result;
  }

  answer(index: number | undefined, context = this.asked.at(-1) ?? 0): void {
    this.reads.answered({ context, index });
  }
}

describe('Reads', () => {
  it('uses no round that began before the read', async () => {
    const bed = new Bed();
    const first = bed.barrier();
    const second = bed.barrier();
    const third = bed.barrier();
    expect(bed.asked).toHaveLength(1);
    bed.answer(10);
    await bed.env.settle();
    expect([first, second, third].map(({ outcome }) => outcome)).toEqual(['done', 'open', 'open']);
    expect(bed.asked).toHaveLength(2);
    bed.answer(10);
    await bed.env.settle();
    expect([second, third].map(({ outcome }) => outcome)).toEqual(['done', 'done']);
  });

  it('waits until the state has come so far, while others ask', async () => {
    const bed = new Bed();
    const first = bed.barrier();
    bed.answer(12);
    const second = bed.barrier();
    bed.answer(11);
    bed.appliedIndex = 11;
    bed.reads.applied();
    await bed.env.settle();
    expect([first.outcome, second.outcome]).toEqual(['open', 'done']);
    bed.appliedIndex = 12;
    bed.reads.applied();
    await bed.env.settle();
    expect(first.outcome).toBe('done');
  });

  it('takes no answer to an earlier question', async () => {
    const bed = new Bed();
    const first = bed.barrier();
    const [asked] = bed.asked;
    bed.reads.leaderChanged();
    expect(bed.asked).toHaveLength(2);
    bed.answer(5, asked);
    await bed.env.settle();
    expect(first.outcome).toBe('open');
    bed.answer(10);
    await bed.env.settle();
    expect(first.outcome).toBe('done');
  });

  it('asks other questions than a former life of the member', () => {
    const [one, two] = [new Bed(1), new Bed(2)];
    one.barrier();
    two.barrier();
    expect(one.asked[0]).not.toBe(two.asked[0]);
    expect(Number.isSafeInteger((two.asked[0] ?? 0) + 2 ** 32)).toBe(true);
  });

  it('asks again without an answer or a leader, and gives up in time', async () => {
    const bed = new Bed();
    const first = bed.barrier();
    await bed.env.advance(150);
    expect(bed.asked).toHaveLength(2);
    bed.answer(undefined);
    await bed.env.advance(40);
    expect(bed.asked).toHaveLength(3);
    await bed.env.advance(1_000);
    expect(first.outcome).toBe('UNAVAILABLE');
  });

  it('gives up a read whose state does not come, and those behind it', async () => {
    const bed = new Bed();
    const first = bed.barrier();
    const second = bed.barrier();
    bed.answer(12);
    bed.answer(12);
    await bed.env.advance(1_100);
    expect([first.outcome, second.outcome]).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
  });

  it('leaves nothing behind when it is closed', async () => {
    const bed = new Bed();
    const outcomes = [bed.barrier(), bed.barrier()];
    bed.reads.close(new StoreError('STOPPED', 'it is'));
    outcomes.push(bed.barrier());
    await bed.env.settle();
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['STOPPED', 'STOPPED', 'STOPPED']);
    expect(bed.env.pendingTimers).toBe(0);
  });
});
