/** Raft paper §6 (cluster membership changes), §7 (log compaction), §8 (client interaction). */
import { describe, expect, it } from '@jest/globals';
import { SessionTable } from './sessions.ts';
import { command, ofType, Single } from './testing/single.ts';
import type { ConfigurationEntry } from './types.ts';

const encoder = new TextEncoder();

function leaderWithLearner(): Single {
  const member = new Single({ learners: ['4'] });
  member.becomeLeader();
  for (const from of ['2', '3', '4']) member.accept(from, 1);
  return member;
}

function configuration(index: number, term: number, voters: string[], outgoing: string[] = []): ConfigurationEntry {
  return { type: 'configuration', index, term, configuration: { voters, outgoing, learners: [], addresses: {} } };
}

describe('§6 membership', () => {
  it('a change of voters goes through a joint configuration, and to the new one when that is committed', () => {
    const member = leaderWithLearner();
    expect(member.raft.changeMembership({ promote: ['4'] })).toEqual({ type: 'started', index: 2, term: 1 });
    expect(member.raft.status()).toMatchObject({
      configuration: { voters: ['1', '2', '3', '4'], outgoing: ['1', '2', '3'] },
    });
    member.work();
    member.accept('2', 2);
    expect(member.raft.status().commit).toBe(1);
    member.accept('4', 2);
    expect(member.raft.status()).toMatchObject({
      commit: 2,
      lastIndex: 3,
      configuration: { outgoing: [] },
      changing: true,
    });
    for (const from of ['2', '3']) member.accept(from, 3);
    expect(member.raft.status()).toMatchObject({ commit: 3, changing: false });
  });

  it('a configuration is in force as soon as it is in the log, and until it is removed from it', () => {
    const member = new Single({ log: [1], term: 2 });
    member.append({ prevIndex: 1, prevTerm: 1, entries: [configuration(2, 2, ['1', '2'], ['1', '2', '3'])] });
    expect(member.raft.status().configuration.outgoing).toEqual(['1', '2', '3']);
    member.append({ from: '3', term: 3, prevIndex: 1, prevTerm: 1, entries: [command(2, 3)] });
    expect(member.raft.status().configuration).toMatchObject({ voters: ['1', '2', '3'], outgoing: [] });
  });

  it('while joint an entry needs majorities of both lists', () => {
    const member = new Single({ voters: ['1', '2', '3'], learners: ['4', '5', '6'] });
    member.becomeLeader();
    for (const from of ['2', '3', '4', '5', '6']) member.accept(from, 1);
    member.raft.changeMembership({ promote: ['4', '5', '6'], remove: ['2', '3'] });
    member.work();
    for (const from of ['4', '5', '6']) member.accept(from, 2);
    expect(member.raft.status().commit).toBe(1);
    member.accept('3', 2);
    expect(member.raft.status().commit).toBe(2);
  });

  it('while joint an election needs majorities of both lists', () => {
    const member = new Single({ term: 1 });
    member.append({ entries: [configuration(1, 1, ['1', '4', '5'], ['1', '2', '3'])] });
    member.raft.tick(10);
    member.becomeCandidate();
    expect(member.raft.status().role).toBe('candidate');
    const vote = { type: 'voteResponse', term: 2, preVote: false, granted: true } as const;
    for (const from of ['4', '5']) member.step({ ...vote, from });
    expect(member.raft.status().role).toBe('candidate');
    member.step({ ...vote, from: '3' });
    expect(member.raft.status().role).toBe('leader');
  });

  it('a new leader finishes a change that it finds', () => {
    const member = new Single({ term: 1 });
    member.append({ entries: [configuration(1, 1, ['1', '2'], ['1', '2', '3'])] });
    member.raft.tick(10);
    member.becomeLeader();
    member.accept('2', 2);
    expect(member.raft.status()).toMatchObject({
      commit: 2,
      lastIndex: 3,
      configuration: { voters: ['1', '2'], outgoing: [] },
    });
  });

  it('a leader that is not in the new configuration steps down when that is committed', () => {
    const member = new Single({});
    member.becomeLeader();
    for (const from of ['2', '3']) member.accept(from, 1);
    member.raft.changeMembership({ remove: ['1'] });
    member.work();
    for (const from of ['2', '3']) member.accept(from, 2);
    expect(member.raft.status().role).toBe('leader');
    for (const from of ['2', '3']) member.accept(from, 3);
    expect(member.raft.status()).toMatchObject({ role: 'follower', commit: 3 });
    member.raft.tick(100);
    expect(member.raft.status().role).toBe('follower');
  });

  it('a member that the latest configuration leaves out stands for election until that is committed (4.2.2)', () => {
    const member = new Single({ voters: ['1', '3'], term: 1 });
    const entries = [configuration(1, 1, ['4', '5'], ['1', '3']), configuration(2, 1, ['4', '5'])];
    member.append({ from: '3', entries, commit: 1 });
    expect(member.raft.status().configuration).toMatchObject({ voters: ['4', '5'], outgoing: [] });
    member.raft.tick(10);
    member.becomeCandidate();
    const vote = { type: 'voteResponse', term: 2, preVote: false, granted: true } as const;
    // Its own vote does not count.
    member.step({ ...vote, from: '4' });
    expect(member.raft.status().role).toBe('candidate');
    member.step({ ...vote, from: '5' });
    expect(member.raft.status()).toMatchObject({ role: 'leader', lastIndex: 3 });
    member.accept('4', 3);
    expect(member.raft.status().commit).toBe(1);
    member.accept('5', 3);
    expect(member.raft.status()).toMatchObject({ role: 'follower', commit: 3 });
    member.raft.tick(100);
    expect(member.raft.status().role).toBe('follower');
  });

  it('one change is made at a time', () => {
    const member = leaderWithLearner();
    expect(member.raft.changeMembership({ promote: ['4'] }).type).toBe('started');
    expect(member.raft.changeMembership({ remove: ['2'] })).toEqual({
      type: 'refused',
      reason: 'another change is under way',
      passing: true,
    });
  });

  it('a new leader makes no change before an entry of its term is committed', () => {
    const member = new Single({});
    member.becomeLeader();
    expect(member.raft.changeMembership({ remove: ['2'] })).toMatchObject({ type: 'refused' });
  });

  it('a learner gets entries, counts for no majority and does not campaign', () => {
    const member = leaderWithLearner();
    member.raft.propose([{ type: 'command', data: encoder.encode('a') }]);
    expect(ofType(member.work(), 'appendRequest').map(({ to }) => to)).toEqual(['2', '3', '4']);
    member.accept('4', 2);
    expect(member.raft.status().commit).toBe(1);
    const learner = new Single({ voters: ['2', '3'], learners: ['1'] });
    learner.raft.tick(100);
    learner.raft.campaign();
    expect(learner.work()).toEqual([]);
  });

  it('a learner that is far behind is not promoted', () => {
    const member = new Single({ learners: ['4'], promoteLagEntries: 2 });
    member.becomeLeader();
    for (const from of ['2', '3', '4']) member.accept(from, 1);
    for (let at = 0; at < 3; at++) member.raft.propose([{ type: 'command', data: encoder.encode('a') }]);
    member.work();
    member.accept('2', 4);
    expect(member.raft.changeMembership({ promote: ['4'] })).toMatchObject({
      reason: expect.stringContaining('3 entries behind'),
    });
    member.accept('4', 2);
    expect(member.raft.changeMembership({ promote: ['4'] }).type).toBe('started');
  });
});

describe('§8 clients', () => {
  it('a new leader commits what earlier terms left by an empty entry of its own', () => {
    const member = new Single({ log: [1, 1] });
    member.becomeLeader();
    expect(member.readies.flatMap(({ entries }) => entries)).toEqual([{ type: 'noop', index: 3, term: 2 }]);
    member.accept('2', 3);
    expect(member.raft.status().commit).toBe(3);
  });

  it('a follower passes a proposal on to the leader; without one it refuses', () => {
    const proposals = [{ type: 'command', data: encoder.encode('a') }] as const;
    const member = new Single({ term: 1 });
    expect(member.raft.propose(proposals)).toEqual({ type: 'refused', reason: 'noLeader' });
    member.append({});
    expect(member.raft.propose(proposals)).toEqual({ type: 'forwarded', leader: '2' });
    expect(member.work()).toMatchObject([{ type: 'forwardRequest', to: '2', proposals }]);
    expect(member.step({ type: 'forwardRequest', from: '3', term: 1, proposals })).toMatchObject([
      { type: 'forwardRefusal', to: '3', reason: 'notLeader' },
    ]);
  });

  it('proposals are bounded: one too large, or more while too much is not committed, is refused', () => {
    const member = new Single({ entryBytes: 1000, uncommittedBytes: 2000 });
    member.becomeLeader();
    const of = (bytes: number) => member.raft.propose([{ type: 'command', data: new Uint8Array(bytes) }]);
    expect(of(1000)).toEqual({ type: 'refused', reason: 'tooLarge' });
    expect([of(900), of(900), of(900)].map(({ type }) => type)).toEqual(['appended', 'appended', 'refused']);
    member.work();
    member.accept('2', 3);
    expect(of(900).type).toBe('appended');
  });

  it('a request that is retried is applied once and answered alike', () => {
    const table = new SessionTable<string>();
    table.register(7);
    const id = { session: 7, sequence: 1, floor: 1 };
    expect(table.begin(8, id)).toEqual({ type: 'apply' });
    table.applied(id, 'done');
    expect(table.begin(9, id)).toEqual({ type: 'duplicate', result: 'done' });
  });

  it('requests of one client may arrive in any order', () => {
    const table = new SessionTable<number>();
    table.register(1);
    for (const sequence of [3, 1, 2]) {
      const id = { session: 1, sequence, floor: 1 };
      expect(table.begin(10 + sequence, id)).toEqual({ type: 'apply' });
      table.applied(id, sequence);
    }
    expect(table.begin(20, { session: 1, sequence: 2, floor: 3 })).toEqual({ type: 'stale' });
    expect(table.begin(21, { session: 1, sequence: 3, floor: 3 })).toEqual({ type: 'duplicate', result: 3 });
  });

  it('a session that was forgotten, or never opened, has its requests refused, not applied', () => {
    const table = new SessionTable<number>({ sessions: 2, results: 10 });
    for (const index of [1, 2]) table.register(index);
    table.begin(3, { session: 1, sequence: 1, floor: 1 });
    table.register(4);
    expect(table.size).toBe(2);
    expect(table.begin(5, { session: 2, sequence: 1, floor: 1 })).toEqual({ type: 'expired' });
    expect(table.begin(6, { session: 99, sequence: 1, floor: 1 })).toEqual({ type: 'expired' });
    expect(table.begin(7, { session: 1, sequence: 1, floor: 1 })).toEqual({ type: 'apply' });
  });

  it('the table is part of a snapshot, in the same order of use', () => {
    const table = new SessionTable<number>({ sessions: 2, results: 2 });
    for (const index of [1, 2]) table.register(index);
    for (const sequence of [1, 2, 3]) {
      const id = { session: 1, sequence, floor: 1 };
      if (table.begin(2 + sequence, id).type === 'apply') table.applied(id, sequence);
    }
    const copy = new SessionTable<number>({ sessions: 2, results: 2 }, structuredClone(table.snapshot()));
    for (const one of [table, copy]) one.register(9);
    expect(copy.snapshot()).toEqual(table.snapshot());
    expect(copy.begin(10, { session: 2, sequence: 1, floor: 1 })).toEqual({ type: 'expired' });
    expect(copy.begin(11, { session: 1, sequence: 3, floor: 1 })).toEqual({ type: 'duplicate', result: 3 });
    expect(copy.begin(12, { session: 1, sequence: 1, floor: 1 })).toEqual({ type: 'stale' });
  });
});
