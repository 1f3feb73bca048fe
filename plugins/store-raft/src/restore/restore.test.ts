import { existsSync, readdirSync, statfsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { encodeSnapshot, type KeyValue, type Store } from '@timonel/sdk/contracts/store';
import { silentLogger } from '../../test/silent-logger.ts';
import { configOf, type RaftStoreConfigInput } from '../config.ts';
import { RaftStore } from '../raft-store.ts';
import { planExchange, restoringDirectory } from './exchange.ts';
import { restoreSnapshot, type RestoreOptions } from './restore-snapshot.ts';
import { writeRestoredMember } from './restored-member.ts';

const env = createRealEnv();

function put(store: Store, key: string, value = 'value', lease = 0) {
  return store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.from(value), lease }] });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => String((error as { code?: unknown }).code ?? error),
  );
}

describe('restoreSnapshot', () => {
  let root = '';
  let snapshot = '';
  let before: readonly KeyValue[] = [];
  let revision = 0;
  let leaseId = 0;
  const stores: RaftStore[] = [];
  const dataDir = (): string => join(root, 'restored');

  const open = async (directory: string, config: RaftStoreConfigInput = {}): Promise<RaftStore> => {
    await mkdir(directory, { recursive: true });
    const options = { env, log: silentLogger, dataDir: directory, config: configOf(config) };
    const store = await RaftStore.open({ ...options, onFailure: () => undefined });
    stores.push(store);
    return store;
  };
  const restore = (more: Partial<RestoreOptions> = {}) =>
    restoreSnapshot({ dataDir: dataDir(), snapshot, env, log: silentLogger, ...more });

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'timonel-restore-'));
    snapshot = join(root, 'snapshot');
    const store = await open(join(root, 'first'));
    leaseId = (await store.grantLease(3_600_000)).id;
    for (let at = 0; at < 30; at++) await put(store, `k${at % 20}`, `value ${at}`, at % 7 === 0 ? leaseId : 0);
    await store.txn({ compare: [], success: [{ op: 'delete', key: 'k3' }] });
    const chunks: Uint8Array[] = [];
    for await (const chunk of store.snapshot()) chunks.push(chunk);
    await writeFile(snapshot, Buffer.concat(chunks));
    ({ kvs: before, revision } = await store.range({ prefix: '' }));
    await store.close();
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await rm(root, { recursive: true, force: true });
  });

  it('gives back keys, leases and revision', async () => {
    const report = await restore({ bumpRevision: 0 });
    expect(report).toMatchObject({
      revision,
      restoredRevision: revision,
      keys: before.length,
      leases: 1,
      setAside: undefined,
    });
    const store = await open(dataDir());
    expect(await store.range({ prefix: '' })).toMatchObject({ kvs: before, revision });
    expect(await store.status()).toMatchObject({
      memberId: report.memberId,
      revision,
      members: [{ id: report.memberId }],
    });
    expect(await store.keepAlive(leaseId)).toEqual({ id: leaseId, ttlMs: 3_600_000 });
    expect((await put(store, 'new')).revision).toBe(revision + 1);
    expect((await store.grantLease(1000)).id).toBe(leaseId + 1);
    await store.revokeLease(leaseId);
    const { kvs } = await store.range({ prefix: 'k' });
    expect(kvs.map(({ key }) => key)).toEqual(before.filter(({ lease }) => lease === 0).map(({ key }) => key));
    expect(await store.admin.check()).toMatchObject({ healthy: true });
  });

  it('goes on after more restarts', async () => {
    await restore();
    for (let round = 0; round < 3; round++) {
      const store = await open(dataDir());
      await put(store, `round ${round}`);
      await store.close();
    }
    const store = await open(dataDir());
    expect((await store.range({ prefix: 'round' })).count).toBe(3);
  });

  it('raises the revision, so that nothing is given out again and old watches begin anew', async () => {
    const { restoredRevision } = await restore();
    expect(restoredRevision).toBe(revision + 1_000_000_000);
    const store = await open(dataDir());
    expect(await store.range({ prefix: '' })).toMatchObject({ kvs: before, revision: restoredRevision });
    expect((await put(store, 'new')).revision).toBe(restoredRevision + 1);
    for (const fromRevision of [revision, revision + 5, restoredRevision]) {
      const watch = store.watch({ prefix: '', fromRevision });
      expect([fromRevision, await codeOf(watch[Symbol.asyncIterator]().next())]).toEqual([fromRevision, 'COMPACTED']);
    }
    const watch = store.watch({ prefix: '', fromRevision: restoredRevision + 1 });
    const { value } = await watch[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ events: [{ kv: { key: 'new' } }] });
    watch.close();
    expect((await store.grantLease(1000)).id).toBeGreaterThan(1_000_000_000);
  });

  it('refuses a directory that holds a store, or moves it aside', async () => {
    const old = await open(dataDir());
    await put(old, 'old');
    expect(await codeOf(restore({ force: true }))).toBe('UNAVAILABLE');
    await old.close();
    expect(await codeOf(restore())).toBe('REFUSED');
    const { setAside } = await restore({ force: true });
    expect(setAside).toBe(join(dataDir(), 'before-restore-1'));
    const store = await open(dataDir());
    expect((await store.range({ prefix: '' })).kvs).toEqual(before);
    await store.close();
    const again = await open(setAside ?? '');
    expect((await again.get('old')).kv?.value).toEqual(Buffer.from('value'));
    expect((await restore({ force: true })).setAside).toBe(join(dataDir(), 'before-restore-2'));
  });

  it('changes nothing for a damaged snapshot', async () => {
    const old = await open(dataDir());
    await put(old, 'old');
    await old.close();
    const names = readdirSync(dataDir()).sort();
    const bytes = await readFile(snapshot);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    await writeFile(snapshot, bytes);
    expect(await codeOf(restore({ force: true }))).toBe('CORRUPT');
    await truncate(snapshot, bytes.length - 10);
    expect(await codeOf(restore({ force: true }))).toBe('CORRUPT');
    await rm(snapshot);
    expect(await codeOf(restore({ force: true }))).toBe('REFUSED');
    expect(readdirSync(dataDir()).sort()).toEqual(names);
    const store = await open(dataDir());
    expect((await store.get('old')).kv).toBeDefined();
  });

  it('needs room for it', async () => {
    const { blocks, bsize } = statfsSync(root);
    // A file of holes takes no room itself.
    await truncate(snapshot, blocks * bsize);
    expect(await codeOf(restore())).toBe('NO_SPACE');
    expect(readdirSync(dataDir())).toEqual([]);
  });

  it('replaces ids of leases that are too large, and refuses keys whose lease is missing', async () => {
    const kv = { key: 'k', value: Buffer.from('v'), createRevision: 2, modRevision: 2, version: 1, lease: 2 ** 52 };
    const leases = [{ id: 2 ** 52, ttlMs: 60_000 }];
    await writeFile(snapshot, Buffer.concat([...encodeSnapshot({ revision: 2, leases, kvs: [kv] })]));
    await restore();
    const store = await open(dataDir());
    expect((await store.get('k')).kv?.lease).toBe(1);
    await store.revokeLease(1);
    expect((await store.get('k')).kv).toBeUndefined();
    await store.close();
    await writeFile(snapshot, Buffer.concat([...encodeSnapshot({ revision: 2, leases: [], kvs: [kv] })]));
    expect(await codeOf(restore({ force: true }))).toBe('CORRUPT');
  });

  it('is never taken for done, nor for not begun, when it was cut off', async () => {
    const prepare = async (): Promise<ReturnType<typeof planExchange>['steps']> => {
      await rm(dataDir(), { recursive: true, force: true });
      const old = await open(dataDir());
      await put(old, 'old');
      await old.close();
      const directory = restoringDirectory(dataDir());
      await mkdir(directory);
      const configuration = { voters: ['m'], outgoing: [], learners: [], addresses: {} };
      await writeRestoredMember({ directory, snapshot, configuration, bumpRevision: 0, env, log: silentLogger });
      return planExchange(dataDir(), 'm').steps;
    };
    const { length } = await prepare();
    const found: string[] = [];
    for (let done = 0; done <= length; done++) {
      for (const step of (await prepare()).slice(0, done)) await step();
      const outcome = await open(dataDir()).then(
        async (store) => {
          const { count } = await store.range({ prefix: 'k' });
          await store.close();
          return count === 0 ? 'old' : 'new';
        },
        (error: unknown) => (error as { code: string }).code,
      );
      found.push(outcome);
      if (outcome !== 'REFUSED') continue;
      await restore();
      const store = await open(dataDir());
      expect((await store.range({ prefix: '' })).kvs).toEqual(before);
      await store.close();
      const aside = (await readdir(dataDir())).filter((name) => name.startsWith('before-restore-'));
      const kept = aside.map((name) => existsSync(join(dataDir(), name, 'member.json')));
      expect(kept).toContain(true);
    }
    expect(found).toEqual(['old', ...Array.from({ length: length - 2 }, () => 'REFUSED'), 'new', 'new']);
  });
});
