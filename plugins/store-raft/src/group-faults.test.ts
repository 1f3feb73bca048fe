/** Groups of real members that lose and regain some of them. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Store, StoreEvent } from '@timonel/sdk/contracts/store';
import { Group, until } from '../test/group.ts';

let group: Group | undefined;
afterEach(async () => {
  const failures = group?.failures ?? [];
  await group?.close();
  group = undefined;
  expect(failures).toEqual([]);
});

async function start(config = {}): Promise<Group> {
  group = await Group.start({ size: 3, config });
  return group;
}

const put = (store: Store, key: string, value: string | Uint8Array = 'v') =>
  store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.from(value) }] });

async function putUntilDone(store: Store, key: string): Promise<void> {
  await until(`${key} is written`, () =>
    put(store, key).then(
      () => true,
      () => false,
    ),
  );
}

/** Members that were asked at one revision answer alike. */
async function expectEqual(group: Group): Promise<void> {
  const running = group.stores.findIndex((store) => store !== undefined);
  const check = await group.store(running).admin.check();
  expect(check.members.flatMap(({ problems }) => problems)).toEqual([]);
  expect(check.healthy).toBe(true);
  expect(new Set(check.members.map(({ hash }) => hash?.hash)).size).toBe(1);
}

describe('a group of three', () => {
  it('shows a write of any member at once on every other', async () => {
    const { stores } = await start();
    for (let round = 0; round < 30; round++) {
      const from = stores[round % 3] as Store;
      const { revision } = await put(from, 'key', `${round}`);
      for (const store of stores) {
        const { kv } = await (store as Store).get('key');
        expect(kv?.modRevision).toBe(revision);
        expect(Buffer.from(kv?.value ?? []).toString()).toBe(`${round}`);
      }
    }
    await expectEqual(group as Group);
  });

  it('goes on without its leader, and loses nothing that was acknowledged', async () => {
    const group = await start();
    const leader = await group.leader();
    const acknowledged = new Set<string>();
    const work = { running: true };
    const survivors = [0, 1, 2].filter((at) => at !== leader);
    const writers = survivors.map(async (at) => {
      for (let n = 0; work.running; n++) {
        const key = `w${at}/${n}`;
        await put(group.store(at), key).then(
          () => acknowledged.add(key),
          () => undefined,
        );
      }
    });
    await until('writes go on', () => acknowledged.size > 50);
    await group.stop(leader);
    const before = acknowledged.size;
    await until('writes go on without the leader', () => acknowledged.size > before + 50);
    work.running = false;
    await Promise.all(writers);
    await group.open(leader);
    await until('the former leader has all', async () => {
      const { kvs } = await group.store(leader).range({ prefix: 'w', serializable: true });
      const found = new Set(kvs.map(({ key }) => key));
      return [...acknowledged].every((key) => found.has(key));
    });
    await expectEqual(group);
  });

  it('has another leader as soon as its leader has been stopped in order', async () => {
    const group = await start();
    const leader = await group.leader();
    const { leaderId } = await group.store(leader).status();
    await group.stop(leader);
    // No election timeout has passed: those that were not told still take the old one for their leader.
    const survivors = group.stores.filter((store) => store !== undefined);
    const seen = await Promise.all(survivors.map((store) => store.status()));
    expect(seen.filter((status) => status.leaderId === leaderId).length).toBeLessThan(2);
    const next = await group.leader();
    expect(next).not.toBe(leader);
    await put(group.store(next), 'key');
  });

  it('refuses writes and linearizable reads without a majority, answers stale ones, and recovers', async () => {
    const group = await start({ timing: { requestTimeoutMs: 600 } });
    await put(group.store(0), 'key');
    await group.stop(1);
    await group.stop(2);
    await expect(put(group.store(0), 'lost')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(group.store(0).get('key')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await group.store(0).get('key', { serializable: true })).kv).toBeDefined();
    await group.open(1);
    await putUntilDone(group.store(0), 'again');
    expect((await group.store(1).get('again')).kv).toBeDefined();
    await group.open(2);
    await until('all agree', () =>
      expectEqual(group).then(
        () => true,
        () => false,
      ),
    );
  });

  it('brings a member that missed much up to date by a snapshot, whose watchers are told of the gap', async () => {
    const group = await start({ segmentBytes: 256 * 1024 });
    const leader = await group.leader();
    const late = (leader + 1) % 3;
    const lease = await group.store(leader).grantLease(600_000);
    await group
      .store(leader)
      .txn({ compare: [], success: [{ op: 'put', key: 'leased', value: Buffer.from('v'), lease: lease.id }] });
    await group.stop(late);
    const value = Buffer.alloc(12_000, 'v');
    // More than the tail of entries that a leader keeps for slow followers.
    let written = 0;
    const writer = async (): Promise<void> => {
      // The last ones make it a snapshot of many pieces.
      while (written < 8_000) {
        const key = `k${written++ % 500}`;
        await put(group.store(leader), key, written > 7_500 ? value : 'small');
      }
    };
    await Promise.all(Array.from({ length: 32 }, writer));
    const { revision } = await group.store(leader).status();
    const store = await group.open(late);
    const from = (await store.status()).revision;
    const watch = store.watch({ prefix: '', fromRevision: from + 1 });
    const seen = (async () => {
      const events: StoreEvent[] = [];
      try {
        for await (const batch of watch) {
          events.push(...batch.events);
          if (batch.revision >= revision) return events.length;
        }
        return 'ended';
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
    })();
    await until('it has caught up', async () => (await store.status()).revision >= revision, 30_000);
    // Either all of the events, or word that they are gone: never some of them.
    expect([revision - from, 'COMPACTED']).toContain(await seen);
    expect((await store.status()).compactedRevision).toBeGreaterThan(from);
    expect((await store.get('leased')).kv?.lease).toBe(lease.id);
    await expectEqual(group);
    await store.revokeLease(lease.id);
    expect((await store.get('leased')).kv).toBeUndefined();
    await group.stop(late);
    const again = await group.open(late);
    await putUntilDone(again, 'after');
    expect(await again.range({ prefix: 'k', keysOnly: true })).toMatchObject({ count: 500 });
    await expectEqual(group);
  }, 90_000);

  it('takes a member that lost its disk in again, under a new id', async () => {
    const group = await start();
    for (let n = 0; n < 100; n++) await put(group.store(0), `k${n}`);
    const lost = ((await group.leader()) + 1) % 3;
    const other = (lost + 1) % 3;
    const oldId = group.idOf(lost);
    await group.stop(lost);
    await group.store(other).admin.remove(oldId);
    group.wipe(lost);
    await group.open(lost);
    await group.takeIn(lost);
    await group.allVote();
    expect((await group.store(lost).range({ prefix: 'k' })).count).toBe(100);
    const members = await group.store(other).admin.members();
    expect(members.map(({ id }) => id)).not.toContain(oldId);
    expect(members.every(({ status, learner }) => status !== undefined && !learner)).toBe(true);
    await expectEqual(group);
  });

  it('hands leadership over, also when a follower is asked to', async () => {
    const group = await start();
    const leader = await group.leader();
    const next = (leader + 1) % 3;
    await group.store((leader + 2) % 3).admin.moveLeader(group.idOf(next));
    expect(await group.leader()).toBe(next);
    await group.store(next).admin.moveLeader();
    expect(await group.leader()).not.toBe(next);
    await put(group.store(0), 'after');
  });

  it('refuses what operators may not do, with the reason', async () => {
    const group = await start();
    const { admin } = group.store(await group.leader());
    await expect(admin.promote('nobody')).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(admin.remove('nobody')).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(admin.moveLeader('nobody')).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(admin.addLearner({ id: group.idOf(0), name: 'x', peerUrl: '127.0.0.1:1' })).rejects.toMatchObject({
      code: 'REFUSED',
    });
  });

  it('keeps leases over a change of the leader, and ends them in time', async () => {
    const group = await start();
    const leader = await group.leader();
    const store = group.store((leader + 1) % 3);
    const lease = await store.grantLease(1_500);
    const other = await store.grantLease(60_000);
    for (const [key, id] of [['short', lease.id] as const, ['long', other.id] as const]) {
      await store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.from('v'), lease: id }] });
    }
    for (let round = 0; round < 4; round++) {
      expect((await store.keepAlive(lease.id)).ttlMs).toBe(1_500);
      expect((await store.get('short')).kv).toBeDefined();
    }
    await group.stop(leader);
    await until('a new leader keeps it alive', () =>
      store.keepAlive(lease.id).then(
        () => true,
        () => false,
      ),
    );
    expect((await store.get('short')).kv).toBeDefined();
    await until('it ends', async () => (await store.get('short')).kv === undefined);
    expect((await store.get('long')).kv).toBeDefined();
    await expect(store.keepAlive(lease.id)).rejects.toMatchObject({ code: 'LEASE_NOT_FOUND' });
  });
});

describe('a group of one', () => {
  it('takes no members when it does not listen', async () => {
    const { RaftStore } = await import('./raft-store.ts');
    const { configOf } = await import('./config.ts');
    const { silentLogger } = await import('../test/silent-logger.ts');
    const { createRealEnv } = await import('@timonel/core/env');
    const { mkdtemp, rm } = await import('node:fs/promises');
    const dataDir = await mkdtemp('/tmp/timonel-raft-one-');
    const store = await RaftStore.open({
      env: createRealEnv(),
      log: silentLogger,
      dataDir,
      config: configOf({}),
      onFailure: () => undefined,
    });
    await expect(store.admin.addLearner({ id: 'x', name: 'x', peerUrl: '127.0.0.1:1' })).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('timonel server'),
    });
    expect(await store.admin.members()).toMatchObject([{ self: true, leader: true, learner: false, peerUrls: [] }]);
    expect(await store.admin.check()).toMatchObject({ healthy: true });
    await store.close();
    await rm(dataDir, { recursive: true });
  });
});
