/** Raft dissertation: 3.10 transfer, 4.2.3 and 9.6 disruptive servers, 6.2 check quorum, 6.4 reads, 10.2.1 disk in parallel. */
import { describe, expect, it } from '@jest/globals';
import { ofType, Single } from './testing/single.ts';

const data = new Uint8Array(1);
const follower = { type: 'heartbeatResponse', term: 1 } as const;

function leader(options: ConstructorParameters<typeof Single>[0] = {}): Single {
  const member = new Single(options);
  member.becomeLeader();
  for (const from of ['2', '3']) member.accept(from, 1);
  return member;
}

describe('9.6 pre-vote', () => {
  it('a member asks whether it could win before it raises its term', () => {
    const member = new Single({ term: 3 });
    member.raft.tick(10);
    expect(ofType(member.work(), 'voteRequest')[0]).toMatchObject({ preVote: true, term: 4 });
    expect(member.raft.status()).toMatchObject({ role: 'preCandidate', term: 3 });
    expect(member.readies.every(({ hardState }) => hardState === undefined)).toBe(true);
  });

  it('it campaigns when a majority would vote for it', () => {
    const member = new Single({ term: 3 });
    member.raft.tick(10);
    member.work();
    member.step({ type: 'voteResponse', term: 4, preVote: true, granted: true });
    expect(member.raft.status()).toMatchObject({ role: 'candidate', term: 4 });
  });

  it('to grant a pre-vote changes neither term nor vote, and may be done for many', () => {
    const member = new Single({});
    expect(member.askVote({ from: '2', term: 9, preVote: true })).toBe(true);
    expect(member.askVote({ from: '3', term: 9, preVote: true })).toBe(true);
    expect(member.raft.status().term).toBe(0);
    expect(member.readies.every(({ hardState }) => hardState === undefined)).toBe(true);
  });

  it('a grant of an earlier pre-vote counts for nothing', () => {
    const member = new Single({ term: 3 });
    member.raft.tick(10);
    member.work();
    member.step({ type: 'voteResponse', term: 9, preVote: true, granted: true });
    expect(member.raft.status().role).toBe('preCandidate');
  });
});

describe('4.2.3 disruptive servers', () => {
  it('who hears a leader answers no vote request and takes no later term from one', () => {
    for (const preVote of [true, false]) {
      const member = new Single({ term: 1 });
      member.append({});
      expect(member.askVote({ from: '3', term: 9, preVote })).toBeUndefined();
      expect(member.raft.status()).toMatchObject({ term: 1, leader: '2' });
      member.raft.tick(10);
      expect(member.askVote({ from: '3', term: 9, preVote })).toBe(true);
    }
  });

  it('a leader that hears a majority does not either', () => {
    const member = leader();
    expect(member.askVote({ from: '3', term: 9 })).toBeUndefined();
    expect(member.raft.status()).toMatchObject({ role: 'leader', term: 1 });
  });

  it('a promise to a leader outlasts a restart', () => {
    const member = new Single({ term: 1 });
    expect(member.askVote({ term: 2 })).toBeUndefined();
    member.raft.tick(10);
    expect(member.askVote({ term: 2 })).toBe(true);
  });
});

describe('6.2 check quorum', () => {
  it('a leader without answers of a majority for an election timeout steps down', () => {
    const alone = leader();
    alone.raft.tick(9);
    expect(alone.raft.status().role).toBe('leader');
    alone.raft.tick();
    expect(alone.raft.status()).toMatchObject({ role: 'follower', leader: undefined, term: 1 });
  });

  it('answers of a majority, learners not counted, keep it in office', () => {
    for (const [from, leads] of [
      ['3', true],
      ['4', false],
    ] as const) {
      const member = leader({ learners: ['4'] });
      for (let at = 0; at < 30; at++) {
        member.raft.tick();
        member.step({ ...follower, from, round: 0 });
      }
      expect(member.raft.status().role === 'leader').toBe(leads);
    }
  });
});

describe('3.10 leadership transfer', () => {
  it('the leader brings the other up to date, takes no proposals meanwhile, and orders it to campaign', () => {
    const member = leader();
    member.raft.propose([{ type: 'command', data }]);
    expect(member.raft.transferLeadership('3')).toEqual({ type: 'started' });
    expect(ofType(member.work(), 'timeoutNow')).toEqual([]);
    expect(member.raft.propose([{ type: 'command', data }])).toEqual({ type: 'refused', reason: 'transferring' });
    expect(ofType(member.accept('3', 2), 'timeoutNow')).toMatchObject([{ to: '3', term: 1 }]);
  });

  it('who is ordered campaigns at once, without a pre-vote, and is voted for although a leader is heard', () => {
    const member = new Single({ term: 1 });
    member.append({});
    const requests = ofType(member.step({ type: 'timeoutNow', term: 1 }), 'voteRequest');
    expect(requests[0]).toMatchObject({ term: 2, preVote: false, transfer: true });
    const voter = new Single({ term: 1 });
    voter.append({});
    expect(voter.askVote({ from: '3', term: 2, transfer: true })).toBe(true);
  });

  it('an order of who is not the leader is not followed', () => {
    const member = new Single({ term: 1 });
    member.append({ from: '2' });
    expect(member.step({ type: 'timeoutNow', from: '3', term: 1 })).toEqual([]);
  });

  it('a transfer that takes longer than an election timeout is given up', () => {
    const member = leader();
    member.raft.propose([{ type: 'command', data }]);
    member.raft.transferLeadership('3');
    for (let at = 0; at < 10; at++) {
      member.raft.tick();
      member.step({ ...follower, from: '2', round: 0 });
    }
    expect(member.raft.propose([{ type: 'command', data }]).type).toBe('appended');
  });

  it('goes to the voter with the longest log when none is named, and to no learner or stranger', () => {
    const member = leader({ learners: ['4'] });
    member.raft.propose([{ type: 'command', data }]);
    member.work();
    member.accept('3', 2);
    expect(member.raft.transferLeadership('4')).toMatchObject({ type: 'refused' });
    expect(member.raft.transferLeadership('9')).toMatchObject({ type: 'refused' });
    expect(member.raft.transferLeadership('1')).toMatchObject({ type: 'refused' });
    expect(member.raft.transferLeadership()).toEqual({ type: 'started' });
    expect(ofType(member.work(), 'timeoutNow')).toMatchObject([{ to: '3' }]);
  });
});

describe('6.4 read index', () => {
  const answers = (member: Single): unknown[] => member.readies.flatMap(({ reads }) => reads);

  it('a read waits until a majority has answered a round that began after it came', () => {
    const member = leader();
    member.raft.read(5, 'quorum');
    const [heartbeat] = ofType(member.work(), 'heartbeatRequest');
    member.step({ ...follower, round: (heartbeat?.round ?? 0) - 1 });
    expect(answers(member)).toEqual([]);
    member.step({ ...follower, round: heartbeat?.round });
    expect(answers(member)).toEqual([{ context: 5, index: 1 }]);
  });

  it('reads that come together share one round', () => {
    const member = leader();
    for (let context = 0; context < 100; context++) member.raft.read(context, 'quorum');
    expect(ofType(member.work(), 'heartbeatRequest')).toHaveLength(2);
  });

  it('a new leader answers no read before an entry of its term is committed', () => {
    const member = new Single({});
    member.becomeLeader();
    for (const mode of ['quorum', 'lease'] as const) member.raft.read(1, mode);
    const [heartbeat] = ofType(member.work(), 'heartbeatRequest');
    member.step({ ...follower, round: heartbeat?.round });
    expect(answers(member)).toEqual([]);
    member.accept('2', 1);
    expect(answers(member)).toEqual([
      { context: 1, index: 1 },
      { context: 1, index: 1 },
    ]);
  });

  it('a leader that steps down answers that it cannot tell, to itself and to followers', () => {
    const member = leader();
    member.raft.read(1, 'quorum');
    member.step({ type: 'readRequest', from: '3', term: 1, context: 2, mode: 'quorum' });
    const sent = member.step({ ...follower, term: 5, round: 0 });
    expect(answers(member)).toEqual([{ context: 1, index: undefined }]);
    expect(ofType(sent, 'readResponse')).toMatchObject([{ to: '3', context: 2, index: undefined }]);
  });

  it('a follower asks the leader, and is told at once when there is none', () => {
    const member = new Single({ term: 1 });
    member.raft.read(1, 'quorum');
    member.work();
    expect(answers(member)).toEqual([{ context: 1, index: undefined }]);
    member.append({});
    member.raft.read(2, 'quorum');
    expect(member.work()).toMatchObject([{ type: 'readRequest', to: '2', context: 2 }]);
    member.step({ type: 'readResponse', term: 1, context: 2, index: 0 });
    expect(answers(member)).toEqual([
      { context: 1, index: undefined },
      { context: 2, index: 0 },
    ]);
  });

  it('waiting reads are bounded', () => {
    const member = leader({ pendingReads: 1 });
    for (const context of [1, 2]) member.raft.read(context, 'quorum');
    member.work();
    expect(answers(member)).toEqual([{ context: 2, index: undefined }]);
  });

  it('6.4.1 a lease read needs no round while the lease lasts, and one after it', () => {
    const member = leader({ leaseTicks: 5 });
    member.raft.tick();
    const [heartbeat] = ofType(member.work(), 'heartbeatRequest');
    // The lease counts from when the round began, not from its answer.
    member.raft.tick(2);
    member.step({ ...follower, round: heartbeat?.round });
    member.raft.read(1, 'lease');
    member.work();
    expect(answers(member)).toEqual([{ context: 1, index: 1 }]);
    member.raft.tick(3);
    member.raft.read(2, 'lease');
    member.work();
    expect(answers(member)).toHaveLength(1);
  });

  it('6.4.1 no lease holds once another was ordered to campaign, even if that came to nothing', () => {
    const member = leader();
    member.raft.tick();
    const [heartbeat] = ofType(member.work(), 'heartbeatRequest');
    for (const from of ['2', '3']) member.step({ ...follower, from, round: heartbeat?.round });
    member.raft.transferLeadership('2');
    member.raft.read(1, 'lease');
    member.work();
    expect(answers(member)).toEqual([]);
  });

  it('6.4.1 ticks that passed in a pause end the lease before the read is answered', () => {
    const member = leader();
    member.raft.tick(1000);
    member.raft.read(1, 'lease');
    member.work();
    expect(answers(member)).toEqual([{ context: 1, index: undefined }]);
  });
});

describe('10.2.1 disk and network in parallel; a group of one', () => {
  it('one persist and no message commits in a group of one', () => {
    const { raft } = new Single({ voters: ['1'] });
    raft.campaign();
    for (let at = 0; at < 2; at++) raft.persisted(raft.ready().persistId as number);
    raft.applied(raft.ready().committed.length);
    raft.propose([
      { type: 'command', data },
      { type: 'command', data },
    ]);
    const ready = raft.ready();
    expect(ready).toMatchObject({ entries: { length: 2 }, messages: [], committed: [], hardState: undefined });
    raft.persisted(ready.persistId as number);
    expect(raft.ready()).toMatchObject({ persistId: undefined, messages: [], committed: [{ index: 2 }, { index: 3 }] });
    expect(raft.hasReady()).toBe(false);
  });

  it('several Readies may be on their way to the disk, and are confirmed by the last', () => {
    const member = new Single({ voters: ['1'] });
    member.raft.campaign();
    member.work();
    const ids = [1, 2, 3].map(() => {
      member.raft.propose([{ type: 'command', data }]);
      return member.raft.ready().persistId as number;
    });
    member.raft.persisted(ids.at(1) as number);
    expect(member.raft.status().commit).toBe(3);
    member.raft.persisted(ids.at(2) as number);
    expect(member.raft.status().commit).toBe(4);
  });

  it('what is handed out to apply is bounded until it is applied', () => {
    const member = new Single({ voters: ['1'], committedBytes: 1000 });
    member.raft.campaign();
    member.work();
    for (let at = 0; at < 10; at++) member.raft.propose([{ type: 'command', data: new Uint8Array(352) }]);
    member.raft.persisted(member.raft.ready().persistId as number);
    const { committed } = member.raft.ready();
    expect(committed).toHaveLength(2);
    member.raft.applied(committed.at(-1)?.index as number);
    expect(member.raft.ready().committed).toHaveLength(2);
  });

  it('a persist that was never handed out stops the member', () => {
    const member = new Single({});
    expect(() => member.raft.persisted(1)).toThrow(/handed out/);
    expect(() => member.raft.status()).not.toThrow();
    expect(() => member.raft.ready()).toThrow(/stopped for good/);
  });
});
