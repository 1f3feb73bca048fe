import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core/env';
import type { Command } from '../command.ts';
import type { Entry, Proposal, ProposeResult } from '../raft/index.ts';
import type { Applied } from '../state/applied.ts';
import { Proposals } from './proposals.ts';

const command: Command = { type: 'compact', revision: 1 };
const done: Applied = { type: 'done' };

/** The core and the state machine, as far as proposals see them. */
class Bed {
  readonly env: SimulatedEnv = createSimulatedEnv({ seed: 1 });
  readonly proposed: Proposal[] = [];
  leads = true;
  answer: ProposeResult = { type: 'appended', firstIndex: 1, term: 1 };
  #index = 0;
  readonly proposals: Proposals = new Proposals({
    env: this.env,
    requestTimeoutMs: 1_000,
    entryBytes: 10_000,
    retryMs: 100,
    propose: (given) => {
      if (this.answer.type !== 'refused') this.proposed.push(...given);
      return this.answer;
    },
    leads: () => this.leads,
    wake: () => queueMicrotask(() => this.proposals.flush()),
    trouble: () => 'trouble',
  });

  async open(): Promise<void> {
    const first = this.submit();
    await this.env.settle();
    this.register();
    await this.env.settle();
    this.apply(this.proposed.pop(), done);
    await first;
  }

  /** What becomes of it: done, or the code and whether it may be tried again. */
  async submit(given: Command = command): Promise<string> {
    return this.proposals.submit(given).then(
      () => 'done',
      (error: { code: string; notApplied: boolean }) => `${error.code}${error.notApplied ? ', not applied' : ''}`,
    );
  }

  register(): void {
    const proposal = this.proposed.pop();
    if (proposal?.type !== 'register') throw new Error('no session was asked for');
    const entry: Entry = { ...proposal, index: ++this.#index, term: 1 };
    this.proposals.applied(entry, { id: undefined, applied: undefined });
  }

  /** @param applied undefined: the session is not known any more */
  apply(proposal: Proposal | undefined, applied: Applied | undefined): void {
    if (proposal?.type !== 'command') throw new Error('it is no command');
    const entry: Entry = { ...proposal, index: ++this.#index, term: 1 };
    this.proposals.applied(entry, { id: proposal.id, applied });
  }

  take(): Proposal[] {
    return this.proposed.splice(0);
  }
}

const numbersOf = (proposals: readonly Proposal[]) =>
  proposals.map((proposal) => (proposal.type === 'command' ? [proposal.id?.sequence, proposal.id?.floor] : 'register'));

describe('Proposals', () => {
  it('opens a session, and numbers what it proposes', async () => {
    const bed = new Bed();
    const answers = [bed.submit(), bed.submit()];
    await bed.env.settle();
    expect(numbersOf(bed.proposed)).toEqual(['register']);
    bed.register();
    await bed.env.settle();
    expect(numbersOf(bed.proposed)).toEqual([
      [1, 1],
      [2, 1],
    ]);
    for (const proposal of bed.take()) bed.apply(proposal, done);
    expect(await Promise.all(answers)).toEqual(['done', 'done']);
    void bed.submit();
    await bed.env.settle();
    expect(numbersOf(bed.proposed)).toEqual([[3, 3]]);
  });

  it('tries again under the same number when the leader changed, and takes one answer', async () => {
    const bed = new Bed();
    await bed.open();
    bed.leads = false;
    bed.answer = { type: 'forwarded', leader: 'x' };
    const answer = bed.submit();
    await bed.env.settle();
    const [first] = bed.take();
    bed.proposals.leaderChanged();
    await bed.env.settle();
    const [second] = bed.take();
    expect(second).toEqual(first);
    bed.apply(second, done);
    bed.apply(first, done);
    expect(await answer).toBe('done');
  });

  it('tries again what was passed on and not answered, but not what this leader has in its log', async () => {
    const bed = new Bed();
    await bed.open();
    void bed.submit();
    await bed.env.advance(500);
    expect(bed.take()).toHaveLength(1);
    bed.leads = false;
    await bed.env.advance(110);
    expect(numbersOf(bed.take())).toEqual([[2, 2]]);
  });

  it('never tries under a new session what was tried under one that is forgotten', async () => {
    const bed = new Bed();
    await bed.open();
    const tried = [bed.submit(), bed.submit()];
    await bed.env.settle();
    const [first] = bed.take();
    bed.answer = { type: 'refused', reason: 'busy' };
    const untried = bed.submit();
    await bed.env.settle();
    bed.apply(first, undefined);
    expect(await Promise.all(tried)).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
    bed.answer = { type: 'appended', firstIndex: 1, term: 1 };
    await bed.env.advance(50);
    bed.register();
    await bed.env.settle();
    expect(numbersOf(bed.proposed)).toEqual([[4, 4]]);
    bed.apply(bed.proposed[0], done);
    expect(await untried).toBe('done');
  });

  it('says whether a write that was given up may be tried again', async () => {
    const bed = new Bed();
    await bed.open();
    const proposed = bed.submit();
    await bed.env.settle();
    bed.answer = { type: 'refused', reason: 'noLeader' };
    const waiting = bed.submit();
    await bed.env.advance(1_200);
    expect(await proposed).toBe('UNAVAILABLE');
    expect(await waiting).toBe('UNAVAILABLE, not applied');
  });

  it('holds nothing of what was given up, however long there is no leader', async () => {
    for (const session of [true, false]) {
      const bed = new Bed();
      if (session) await bed.open();
      bed.answer = { type: 'refused', reason: 'noLeader' };
      for (let round = 0; round < 20; round++) {
        for (let n = 0; n < 200; n++) void bed.submit();
        await bed.env.advance(300);
      }
      expect(bed.proposals.counts.waiting).toBeLessThanOrEqual(1_000);
      await bed.env.advance(2_000);
      expect(bed.proposals.counts).toEqual({ open: 0, waiting: 0 });
    }
  });

  it('refuses what is too large alone', async () => {
    const bed = new Bed();
    await bed.open();
    const large: Command = {
      type: 'txn',
      txn: { compare: [], success: [{ op: 'put', key: 'k', value: Buffer.alloc(20_000) }] },
    };
    const answers = [bed.submit(), bed.submit(large), bed.submit()];
    await bed.env.settle();
    for (const proposal of bed.take()) bed.apply(proposal, done);
    expect(await Promise.all(answers)).toEqual(['done', 'TOO_LARGE', 'done']);
  });

  it('leaves nothing behind when it is closed', async () => {
    const bed = new Bed();
    await bed.open();
    const answer = bed.submit();
    const { StoreError } = await import('@timonel/sdk/contracts/store');
    bed.proposals.close(new StoreError('STOPPED', 'it is'));
    expect(await answer).toBe('STOPPED');
    expect(await bed.submit()).toBe('STOPPED');
    expect(bed.env.pendingTimers).toBe(0);
  });
});
