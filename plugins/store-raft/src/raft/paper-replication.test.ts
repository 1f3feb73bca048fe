/** Raft paper, figure 2 (AppendEntries, leaders), §5.3, §5.4.2. */
import { describe, expect, it } from '@jest/globals';
import { command, ofType, Single } from './testing/single.ts';

describe('§5.3 followers', () => {
  it.each([
    [[1, 1], 2, 1, 'accepted', 'it has the entry before the new ones'],
    [[1, 1], 0, 0, 'accepted', 'the new ones begin the log'],
    [[1, 1], 2, 2, 'rejected', 'its entry there is of another term'],
    [[1, 1], 3, 1, 'rejected', 'it has no entry there'],
  ])('a follower with %j answers an append after %i/%i by %s: %s', (log, prevIndex, prevTerm, type) => {
    const member = new Single({ log, term: 3 });
    expect(member.append({ prevIndex, prevTerm })?.type).toBe(type);
  });

  it('removes an entry that conflicts and all that follow, and appends the new ones', () => {
    const member = new Single({ log: [1, 1, 2, 2], term: 3 });
    expect(member.append({ prevIndex: 2, prevTerm: 1, entries: [command(3, 3)] })).toEqual({
      type: 'accepted',
      index: 3,
    });
    expect(member.raft.status().lastIndex).toBe(3);
    expect(member.readies.flatMap(({ entries }) => entries)).toEqual([command(3, 3)]);
  });

  it('keeps entries that an old message does not name', () => {
    const member = new Single({ log: [1, 1, 1], term: 1 });
    expect(member.append({ entries: [command(1, 1)] })).toEqual({ type: 'accepted', index: 1 });
    expect(member.raft.status().lastIndex).toBe(3);
  });

  it('never removes a committed entry: the member stops', () => {
    const member = new Single({ log: [1, 1, 1], term: 2, applied: 2 });
    member.append({ prevIndex: 3, prevTerm: 1, commit: 3 });
    expect(member.append({ prevIndex: 2, prevTerm: 1, entries: [command(3, 2)] })).toEqual({
      type: 'accepted',
      index: 3,
    });
    expect(member.raft.status().lastIndex).toBe(3);
    const broken = new Single({ log: [1, 1, 1], term: 2, applied: 2 });
    expect(() => broken.append({ prevIndex: 2, prevTerm: 1, entries: [command(2, 2)] })).toThrow();
  });

  it('commits what the leader has, but not beyond the last entry that it knows to be equal', () => {
    const member = new Single({ log: [1, 1, 1], term: 2 });
    member.append({ prevIndex: 1, prevTerm: 1, commit: 3 });
    expect(member.raft.status().commit).toBe(1);
    member.append({ prevIndex: 1, prevTerm: 1, entries: [command(2, 2)], commit: 1 });
    expect(member.raft.status()).toMatchObject({ commit: 1, lastIndex: 2 });
  });

  it('acknowledges entries when they are on disk, not before', () => {
    const { raft } = new Single({ term: 1 });
    const entries = [command(1, 1)];
    raft.step({
      type: 'appendRequest',
      from: '2',
      to: '1',
      term: 1,
      prevIndex: 0,
      prevTerm: 0,
      entries,
      commit: 1,
      round: 0,
    });
    const ready = raft.ready();
    expect(ready).toMatchObject({ entries, messages: [], committed: [] });
    raft.persisted(ready.persistId as number);
    const next = raft.ready();
    expect(next.messages).toMatchObject([{ type: 'appendResponse', result: { type: 'accepted', index: 1 } }]);
    expect(next.committed).toEqual(entries);
  });

  it('does not count as durable what was written, removed and not yet written again', () => {
    const { raft } = new Single({ term: 2 });
    const append = (term: number, prevTerm: number, prevIndex: number, entries: ReturnType<typeof command>[]): void => {
      raft.step({
        type: 'appendRequest',
        from: String(term),
        to: '1',
        term,
        prevIndex,
        prevTerm,
        entries,
        commit: 0,
        round: 0,
      });
    };
    append(2, 0, 0, [command(1, 1), command(2, 2)]);
    const first = raft.ready().persistId as number;
    append(3, 1, 1, [command(2, 3)]);
    raft.ready();
    append(4, 1, 1, [command(2, 2), command(3, 4)]);
    const third = raft.ready().persistId as number;
    raft.persisted(first);
    expect(raft.ready().messages).toEqual([]);
    raft.persisted(third);
    expect(raft.ready().messages).toMatchObject([{ term: 4, result: { type: 'accepted', index: 3 } }]);
  });
});

describe('§5.3 leaders', () => {
  it('appends proposals to its log and sends them to all others, before its own disk has them', () => {
    const member = new Single({});
    member.becomeLeader();
    member.accept('2', 1);
    member.accept('3', 1);
    expect(member.raft.propose([{ type: 'command', data: Buffer.from('a') }])).toEqual({
      type: 'appended',
      firstIndex: 2,
      term: 1,
    });
    const ready = member.raft.ready();
    expect(ready.entries).toHaveLength(1);
    expect(ofType(ready.messages, 'appendRequest').map(({ to, prevIndex }) => [to, prevIndex])).toEqual([
      ['2', 1],
      ['3', 1],
    ]);
    expect(ready.committed).toEqual([]);
  });

  it('commits an entry that a majority has, its own disk counting like any other', () => {
    const member = new Single({});
    member.becomeLeader();
    expect(member.raft.status().commit).toBe(0);
    member.accept('2', 1);
    expect(member.raft.status().commit).toBe(1);
    const slow = new Single({});
    slow.becomeLeader();
    slow.accept('2', 1);
    slow.raft.propose([{ type: 'command', data: Buffer.from('a') }]);
    const ready = slow.raft.ready();
    slow.raft.step({
      type: 'appendResponse',
      from: '2',
      to: '1',
      term: 1,
      round: 0,
      result: { type: 'accepted', index: 2 },
    });
    expect(slow.raft.status().commit).toBe(1);
    slow.raft.persisted(ready.persistId as number);
    expect(slow.raft.status().commit).toBe(2);
  });

  it('may commit without its own disk when a majority of the others has the entry, but applies it only with it', () => {
    const member = new Single({});
    member.becomeLeader();
    member.accept('2', 1);
    member.raft.propose([{ type: 'command', data: Buffer.from('a') }]);
    const ready = member.raft.ready();
    for (const from of ['2', '3']) {
      member.raft.step({
        type: 'appendResponse',
        from,
        to: '1',
        term: 1,
        round: 0,
        result: { type: 'accepted', index: 2 },
      });
    }
    expect(member.raft.status().commit).toBe(2);
    expect(member.raft.ready().committed).toEqual([]);
    member.raft.persisted(ready.persistId as number);
    expect(member.raft.ready().committed).toHaveLength(1);
  });

  it('applies committed entries once, in log order', () => {
    const member = new Single({ log: [1, 1, 1] });
    member.becomeLeader();
    member.accept('2', 4);
    member.accept('3', 4);
    expect(member.committed).toEqual([1, 2, 3, 4]);
  });

  it('tells the followers the commit index', () => {
    const member = new Single({});
    member.becomeLeader();
    const sent = member.accept('2', 1);
    expect(ofType(sent, 'appendRequest')).toMatchObject([{ to: '2', commit: 1, entries: [] }]);
  });

  it('goes back to where the logs meet, a term at a time', () => {
    // Figure 7: the follower has many entries of terms 2 and 3 that the leader lacks.
    const member = new Single({ log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6] });
    const sent = ofType(member.becomeLeader(), 'appendRequest');
    expect(sent[0]).toMatchObject({ to: '2', prevIndex: 10, prevTerm: 6 });
    const follower = new Single({ log: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3], term: 7 });
    const hint = follower.append({ prevIndex: 10, prevTerm: 6, term: 7 });
    expect(hint).toEqual({ type: 'rejected', prevIndex: 10, index: 10, hintTerm: 3 });
    const retry = ofType(member.step({ type: 'appendResponse', term: 7, round: 0, result: hint }), 'appendRequest');
    expect(retry).toMatchObject([{ prevIndex: 3, prevTerm: 1 }]);
    expect(follower.append({ ...retry[0], from: '2', to: '1' })).toEqual({ type: 'accepted', index: 11 });
  });

  it('goes on sending to a follower that does not answer', () => {
    const member = new Single({});
    member.becomeLeader();
    member.step({ type: 'heartbeatResponse', from: '2', term: 1, round: 0 });
    const again = member.step({ type: 'heartbeatResponse', from: '2', term: 1, round: 0 });
    expect(ofType(again, 'appendRequest')).toMatchObject([{ to: '2', prevIndex: 0 }]);
  });

  it('sends ahead of the answers, up to a bound of entries and bytes', () => {
    const bounds = [{ inflightEntries: 4 }, { inflightBytes: 4 * 58 }, { inflightEntries: 4, messageEntries: 2 }];
    for (const bound of bounds) {
      const member = new Single({ messageEntries: 1, ...bound });
      member.becomeLeader();
      member.accept('2', 1);
      for (let at = 0; at < 10; at++) member.raft.propose([{ type: 'command', data: Buffer.alloc(10) }]);
      const sent = ofType(member.work(), 'appendRequest').filter(({ to, entries }) => to === '2' && entries.length > 0);
      expect(sent.flatMap(({ entries }) => entries.map(({ index }) => index))).toEqual([2, 3, 4, 5]);
      const next = ofType(member.accept('2', 3), 'appendRequest').filter(
        ({ to, entries }) => to === '2' && entries.length > 0,
      );
      expect(next.flatMap(({ entries }) => entries.map(({ index }) => index))).toEqual([6, 7]);
    }
  });

  it('sends what was proposed between two Readies in one message', () => {
    const member = new Single({});
    member.becomeLeader();
    member.accept('2', 1);
    for (let at = 0; at < 5; at++) member.raft.propose([{ type: 'command', data: Buffer.alloc(10) }]);
    expect(ofType(member.work(), 'appendRequest').filter(({ to }) => to === '2')).toMatchObject([
      { entries: { length: 5 } },
    ]);
  });

  it('sends again what a follower finds missing', () => {
    const member = new Single({});
    member.becomeLeader();
    member.accept('2', 1);
    for (let at = 0; at < 3; at++) {
      member.raft.propose([{ type: 'command', data: Buffer.alloc(10) }]);
      member.work();
    }
    const result = { type: 'rejected', prevIndex: 3, index: 1, hintTerm: 1 };
    const sent = ofType(member.step({ type: 'appendResponse', from: '2', term: 1, round: 0, result }), 'appendRequest');
    expect(sent).toMatchObject([{ prevIndex: 1, entries: { length: 3 } }]);
  });

  it('never removes an entry of its own log', () => {
    const member = new Single({ log: [1, 1] });
    member.becomeLeader();
    const result = { type: 'rejected', prevIndex: 2, index: 0, hintTerm: 0 };
    member.step({ type: 'appendResponse', from: '2', term: 2, round: 0, result });
    expect(member.raft.status().lastIndex).toBe(3);
  });
});

describe('§5.4.2 entries of earlier terms', () => {
  it('an entry of an earlier term is not committed by counting, but with one of the own term (figure 8)', () => {
    const member = new Single({ log: [1, 2], voters: ['1', '2', '3', '4', '5'], term: 3 });
    member.becomeLeader();
    expect(member.raft.status()).toMatchObject({ role: 'leader', term: 4, lastIndex: 3 });
    for (const from of ['2', '3', '4']) member.accept(from, 2);
    expect(member.raft.status().commit).toBe(0);
    member.accept('2', 3);
    expect(member.raft.status().commit).toBe(0);
    member.accept('3', 3);
    expect(member.raft.status().commit).toBe(3);
  });

  it('§5.5 a message that comes twice does no harm', () => {
    const member = new Single({ term: 1 });
    const append = { entries: [command(1, 1), command(2, 1)], commit: 1 };
    expect(member.append(append)).toEqual({ type: 'accepted', index: 2 });
    expect(member.append(append)).toEqual({ type: 'accepted', index: 1 });
    expect(member.raft.status().lastIndex).toBe(2);
    expect(member.committed).toEqual([1]);
  });
});
