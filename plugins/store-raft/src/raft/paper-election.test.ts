/** Raft paper, figure 2 ("rules for servers", RequestVote), §5.1, §5.2, §5.4.1. */
import { describe, expect, it } from '@jest/globals';
import { ofType, Single } from './testing/single.ts';

describe('§5.1 terms', () => {
  it.each(['follower', 'candidate', 'leader'])('a %s that sees a later term takes it and follows', (role) => {
    const member = new Single({});
    if (role === 'candidate') member.becomeCandidate();
    if (role === 'leader') member.becomeLeader();
    expect(member.raft.status().role).toBe(role);
    member.append({ term: 7 });
    expect(member.raft.status()).toMatchObject({ role: 'follower', term: 7, leader: '2' });
    expect(member.readies.at(-1)?.hardState ?? member.readies.at(-2)?.hardState).toEqual({
      term: 7,
      votedFor: undefined,
    });
  });

  it('a request of an earlier term changes nothing and is answered with the later term', () => {
    const member = new Single({ term: 5, log: [1] });
    const answers = member.step({
      type: 'appendRequest',
      term: 4,
      prevIndex: 1,
      prevTerm: 1,
      entries: [],
      commit: 1,
      round: 0,
    });
    expect(answers).toMatchObject([{ to: '2', term: 5 }]);
    expect(member.raft.status()).toMatchObject({ leader: undefined, commit: 0 });
  });

  it('a vote request of an earlier term is refused with the later term', () => {
    const member = new Single({ term: 5 });
    expect(
      member.step({ type: 'voteRequest', term: 4, preVote: false, transfer: false, lastIndex: 9, lastTerm: 4 }),
    ).toMatchObject([{ type: 'voteResponse', granted: false, term: 5 }]);
  });

  it('a leader of an earlier term steps down when it learns the later one from an answer', () => {
    const member = new Single({});
    member.becomeLeader();
    member.step({ type: 'heartbeatResponse', term: 9, round: 0 });
    expect(member.raft.status()).toMatchObject({ role: 'follower', term: 9, leader: undefined });
  });
});

describe('§5.2 leader election', () => {
  it('a server starts as follower', () => {
    expect(new Single({}).raft.status()).toMatchObject({ role: 'follower', term: 0 });
  });

  it('a follower that hears no leader for an election timeout campaigns, one that hears it does not', () => {
    const silent = new Single({});
    silent.raft.tick(9);
    expect(silent.raft.status().role).toBe('follower');
    silent.raft.tick();
    expect(silent.raft.status().role).toBe('preCandidate');
    const hearing = new Single({});
    for (let at = 0; at < 100; at++) {
      hearing.raft.tick();
      if (at % 5 === 0) hearing.append({ term: 1 });
    }
    expect(hearing.raft.status()).toMatchObject({ role: 'follower', term: 1 });
  });

  it('a timeout is drawn anew from one to two times the least one', () => {
    for (const drawn of [0, 4, 9]) {
      const member = new Single({ random: () => drawn });
      let ticks = 0;
      while (member.raft.status().role === 'follower') {
        member.raft.tick();
        ticks++;
      }
      expect(ticks).toBe(10 + drawn);
    }
  });

  it('those who follow a leader share the timeouts out, and change places with the term', () => {
    const timeoutOf = (place: number, term: number, random: (bound: number) => number): number => {
      const others = ['01', '02', '03', '91', '92', '93'].slice(3 - place, 6 - place);
      const member = new Single({ voters: ['leader', ...others, '1'], electionTicks: 32, random });
      member.append({ from: 'leader', term });
      let ticks = 0;
      for (; member.raft.status().role === 'follower'; ticks++) member.raft.tick();
      return ticks;
    };
    for (const term of [1, 2, 3, 4]) {
      const spans = [0, 1, 2, 3].map((place) => [
        timeoutOf(place, term, () => 0),
        timeoutOf(place, term, (bound) => bound - 1),
      ]);
      expect(spans[(4 - term) % 4]).toEqual([33, 34]);
      expect(spans.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([
        [33, 34],
        [41, 42],
        [49, 50],
        [57, 58],
      ]);
    }
  });

  it('a candidate raises its term, votes for itself and asks all other voters', () => {
    const member = new Single({ log: [1, 2], voters: ['1', '2', '3', '4'], learners: ['5'] });
    const requests = ofType(member.becomeCandidate(), 'voteRequest');
    expect(requests.map(({ to }) => to)).toEqual(['2', '3', '4']);
    expect(requests[0]).toMatchObject({ term: 3, lastIndex: 2, lastTerm: 2, preVote: false });
    expect(member.readies.find(({ hardState }) => hardState?.term === 3)?.hardState?.votedFor).toBe('1');
  });

  it('a candidate with the votes of a majority leads, with fewer it does not', () => {
    const member = new Single({ voters: ['1', '2', '3', '4', '5'] });
    member.becomeCandidate();
    const vote = { type: 'voteResponse', term: 1, preVote: false, granted: true } as const;
    member.step({ ...vote, from: '2' });
    expect(member.raft.status().role).toBe('candidate');
    member.step({ ...vote, from: '2' });
    expect(member.raft.status().role).toBe('candidate');
    member.step({ ...vote, from: '3' });
    expect(member.raft.status()).toMatchObject({ role: 'leader', leader: '1' });
  });

  it('a vote from one who has none does not count', () => {
    const member = new Single({ learners: ['4'] });
    member.becomeCandidate();
    member.step({ type: 'voteResponse', from: '4', term: 1, preVote: false, granted: true });
    member.step({ type: 'voteResponse', from: '9', term: 1, preVote: false, granted: true });
    expect(member.raft.status().role).toBe('candidate');
  });

  it('a voter gives one vote in a term, to the first who asks', () => {
    const member = new Single({});
    expect(member.askVote({ from: '2', term: 1 })).toBe(true);
    expect(member.askVote({ from: '3', term: 1 })).toBe(false);
    expect(member.askVote({ from: '2', term: 1 })).toBe(true);
  });

  it('a voter remembers its vote over a restart', () => {
    const member = new Single({ term: 1, votedFor: '2' });
    member.raft.tick(9);
    expect(member.askVote({ from: '3', term: 1 })).toBe(false);
    expect(member.askVote({ from: '2', term: 1 })).toBe(true);
  });

  it('a vote is on disk before it is sent', () => {
    const { raft } = new Single({});
    raft.step({
      type: 'voteRequest',
      from: '2',
      to: '1',
      term: 1,
      preVote: false,
      transfer: false,
      lastIndex: 0,
      lastTerm: 0,
    });
    const first = raft.ready();
    expect(first).toMatchObject({ hardState: { term: 1, votedFor: '2' }, messages: [] });
    expect(raft.hasReady()).toBe(false);
    raft.persisted(first.persistId as number);
    expect(raft.ready().messages).toMatchObject([{ type: 'voteResponse', granted: true }]);
  });

  it('a candidate asks nobody, and does not count its own vote, before both are on disk', () => {
    const { raft } = new Single({ voters: ['1'] });
    raft.campaign();
    const ready = raft.ready();
    expect(ready).toMatchObject({ hardState: { term: 1, votedFor: '1' }, messages: [] });
    expect(raft.status().role).toBe('candidate');
    raft.persisted(ready.persistId as number);
    expect(raft.status().role).toBe('leader');
  });

  it('a candidate that hears the leader of its term follows it', () => {
    const member = new Single({});
    member.becomeCandidate();
    member.append({ from: '3', term: 1 });
    expect(member.raft.status()).toMatchObject({ role: 'follower', term: 1, leader: '3' });
  });

  it('a candidate that a majority refuses follows, and one without an answer campaigns anew', () => {
    const refused = new Single({});
    refused.becomeCandidate();
    for (const from of ['2', '3'])
      refused.step({ type: 'voteResponse', from, term: 1, preVote: false, granted: false });
    expect(refused.raft.status()).toMatchObject({ role: 'follower', term: 1 });
    const split = new Single({});
    split.becomeCandidate();
    split.raft.tick(10);
    expect(split.raft.status()).toMatchObject({ role: 'preCandidate', term: 1 });
  });

  it('a new leader says so to all at once, and again in every interval', () => {
    const member = new Single({ heartbeatTicks: 3 });
    const sent = member.becomeLeader();
    expect(ofType(sent, 'appendRequest').map(({ to }) => to)).toEqual(['2', '3']);
    member.raft.tick(2);
    expect(ofType(member.work(), 'heartbeatRequest')).toEqual([]);
    member.raft.tick();
    expect(ofType(member.work(), 'heartbeatRequest').map(({ to }) => to)).toEqual(['2', '3']);
  });

  it('two leaders of one term are impossible, and a member that sees them stops for good', () => {
    const member = new Single({});
    member.becomeLeader();
    expect(() => member.append({ term: 1 })).toThrow(/term 1 has one leader/);
    expect(() => member.raft.tick()).toThrow(/stopped for good/);
  });
});

describe('§5.4.1 who may be elected', () => {
  it.each([
    [[1, 1], 2, 1, true, 'equal logs'],
    [[1, 1], 3, 1, true, 'the same last term and a longer log'],
    [[1, 1], 1, 1, false, 'the same last term and a shorter log'],
    [[1, 1], 1, 2, true, 'a later last term, however short the log'],
    [[1, 2], 9, 1, false, 'an earlier last term, however long the log'],
    [[], 0, 0, true, 'empty logs'],
  ])('a voter with %j answers a candidate with the end %i/%i by %s: %s', (log, lastIndex, lastTerm, granted) => {
    for (const preVote of [false, true]) {
      const member = new Single({ log, term: 3 });
      member.raft.tick(10);
      member.raft.step({ type: 'heartbeatResponse', from: '2', to: '1', term: 4, round: 0 });
      expect(member.askVote({ term: 5, lastIndex, lastTerm, preVote })).toBe(granted);
    }
  });
});
