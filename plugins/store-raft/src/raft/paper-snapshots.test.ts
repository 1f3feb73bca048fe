/** Raft paper, §7: log compaction. */
import { describe, expect, it } from '@jest/globals';
import { command, ofType, Single } from './testing/single.ts';
import type { SnapshotMeta } from './types.ts';

const encoder = new TextEncoder();

const snapshot: SnapshotMeta = {
  id: 's',
  index: 5,
  term: 2,
  sizeBytes: 6,
  configuration: { voters: ['1', '2', '3', '4'], outgoing: [], learners: [], addresses: {} },
};
const piece = (offset: number, text: string, last: boolean): Parameters<Single['step']>[0] => ({
  type: 'snapshotRequest',
  term: 2,
  snapshot,
  offset,
  data: encoder.encode(text),
  last,
});

describe('§7 snapshots', () => {
  it('a leader whose log lacks what a follower needs sends a snapshot, then what follows it', () => {
    const member = new Single({ tailEntries: 0 });
    member.becomeLeader();
    member.accept('2', 1);
    member.raft.stateDurable(1);
    expect(member.raft.status().firstIndex).toBe(2);
    const result = { type: 'rejected', prevIndex: 0, index: 0, hintTerm: 0 } as const;
    member.step({ type: 'appendResponse', from: '3', term: 1, round: 0, result });
    const [read] = member.readies.at(-1)?.snapshotReads ?? [];
    expect(read).toMatchObject({ to: '3', snapshotId: undefined, minIndex: 1, offset: 0 });
    const meta = { ...snapshot, index: 1, term: 1 };
    member.raft.provideSnapshotChunk('3', { snapshot: meta, offset: 0, data: encoder.encode('abcdef'), last: true });
    expect(member.work()).toMatchObject([{ type: 'snapshotRequest', to: '3', offset: 0, last: true }]);
    member.raft.propose([{ type: 'command', data: encoder.encode('a') }]);
    member.work();
    expect(ofType(member.accept('3', 1), 'appendRequest')).toMatchObject([
      { to: '3', prevIndex: 1, entries: { length: 1 } },
    ]);
  });

  it('a follower whose snapshot fell behind the start of the log gets a newer one', () => {
    // With so small a tail the log does not wait for a snapshot that is on its way.
    const member = new Single({ tailEntries: 0, tailBytes: 1 });
    member.becomeLeader();
    member.accept('2', 1);
    member.raft.stateDurable(1);
    const result = { type: 'rejected', prevIndex: 0, index: 0, hintTerm: 0 } as const;
    member.step({ type: 'appendResponse', from: '3', term: 1, round: 0, result });
    const old = { ...snapshot, index: 1, term: 1 };
    member.raft.provideSnapshotChunk('3', { snapshot: old, offset: 0, data: encoder.encode('abcdef'), last: true });
    member.raft.propose([{ type: 'command', data: encoder.encode('a') }]);
    member.work();
    member.accept('2', 2);
    member.raft.stateDurable(2);
    expect(member.raft.status().firstIndex).toBe(3);
    member.step({ type: 'snapshotResponse', from: '3', term: 1, snapshotId: old.id, offset: old.sizeBytes });
    const before = member.readies.length;
    member.accept('3', 1);
    const reads = member.readies.slice(before).flatMap(({ snapshotReads }) => snapshotReads);
    expect(reads).toMatchObject([{ to: '3', snapshotId: undefined, minIndex: 2, offset: 0 }]);
  });

  it('a follower takes the pieces in order and says how far it is', () => {
    const member = new Single({ term: 2 });
    expect(member.step(piece(0, 'abc', false))).toMatchObject([{ type: 'snapshotResponse', offset: 3 }]);
    expect(member.step(piece(0, 'abc', false))).toMatchObject([{ offset: 3 }]);
    expect(member.step(piece(5, 'x', false))).toMatchObject([{ offset: 3 }]);
    expect(member.step(piece(3, 'def', true))).toMatchObject([{ offset: 6 }]);
    expect(member.readies.flatMap(({ snapshotChunks }) => snapshotChunks.map(({ offset }) => offset))).toEqual([0, 3]);
  });

  it('a follower that restarts goes on with the pieces that it has, and begins anew when it has all of them', () => {
    const some = new Single({ term: 2, received: { snapshot, offset: 3 } });
    expect(some.step(piece(0, 'abc', false))).toMatchObject([{ type: 'snapshotResponse', offset: 3 }]);
    expect(some.step(piece(3, 'def', true))).toMatchObject([{ offset: 6 }]);
    const all = new Single({ term: 2, received: { snapshot, offset: 6 } });
    expect(all.step(piece(0, 'abc', false))).toMatchObject([{ offset: 3 }]);
    expect(all.step(piece(3, 'def', true))).toMatchObject([{ offset: 6 }]);
    for (const member of [some, all]) {
      const pieces = member.readies.flatMap(({ snapshotChunks }) => snapshotChunks);
      expect(pieces.at(-1)).toMatchObject({ offset: 3, last: true });
    }
  });

  it('an installed snapshot replaces log, state and configuration', () => {
    const member = new Single({ log: [1, 1], term: 2 });
    member.step(piece(0, 'abcdef', true));
    expect(member.append({ prevIndex: 2, prevTerm: 1, commit: 2 })).toBeUndefined();
    member.raft.snapshotInstalled(snapshot);
    expect(member.work()).toMatchObject([{ type: 'appendResponse', result: { type: 'accepted', index: 5 } }]);
    expect(member.raft.status()).toMatchObject({
      commit: 5,
      applied: 5,
      firstIndex: 6,
      lastIndex: 5,
      configuration: snapshot.configuration,
    });
    expect(member.append({ prevIndex: 5, prevTerm: 2, entries: [command(6, 2)] })).toEqual({
      type: 'accepted',
      index: 6,
    });
  });

  it('a follower that has the last entry of the snapshot keeps its log', () => {
    const member = new Single({ log: [1, 1, 1, 2, 2, 2], term: 2 });
    expect(member.step(piece(0, 'abcdef', true))).toMatchObject([{ type: 'appendResponse', result: { index: 5 } }]);
    expect(member.raft.status()).toMatchObject({ commit: 5, lastIndex: 6, firstIndex: 1 });
    expect(member.readies.every(({ snapshotChunks }) => snapshotChunks.length === 0)).toBe(true);
  });

  it('a snapshot that is older than the state is not installed', () => {
    const member = new Single({ log: [1, 2, 2, 2, 2, 2, 2], term: 2, applied: 6 });
    member.step(piece(0, 'abcdef', true));
    member.raft.snapshotInstalled(snapshot);
    expect(member.raft.status()).toMatchObject({ commit: 6, lastIndex: 7 });
  });

  it('a damaged snapshot is asked for from the beginning', () => {
    const member = new Single({ term: 2 });
    member.step(piece(0, 'abcdef', true));
    member.raft.snapshotFailed(snapshot);
    expect(member.work()).toMatchObject([{ type: 'snapshotResponse', offset: 0 }]);
    expect(member.step(piece(0, 'abc', false))).toMatchObject([{ offset: 3 }]);
  });

  it('a compacted log keeps a tail, drops only what is applied and on disk, and knows its base', () => {
    const member = new Single({ voters: ['1'], tailEntries: 4 });
    member.raft.campaign();
    for (let at = 0; at < 19; at++) member.raft.propose([{ type: 'command', data: encoder.encode('a') }]);
    member.work();
    for (let at = 0; at < 19; at++) member.raft.propose([{ type: 'command', data: encoder.encode('a') }]);
    member.work();
    member.raft.stateDurable(10);
    expect(member.raft.status().firstIndex).toBe(7);
    expect(member.raft.ready().compactedTo).toMatchObject({ index: 6, term: 1, configuration: { voters: ['1'] } });
    member.raft.stateDurable(1000);
    expect(member.raft.status().firstIndex).toBe(member.raft.status().applied - 3);
  });
});
