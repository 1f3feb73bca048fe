/** A file system of 4 MiB that fills up: a clear error, reads that go on, and everything acknowledged after there is room. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { defaultCompactionPolicy } from '@timonel/sdk/contracts/store';
import { silentLogger } from '../test/silent-logger.ts';
import { RaftStore } from './raft-store.ts';

const isRoot = process.getuid?.() === 0;
const describeAsRoot = isRoot ? describe : describe.skip;

describeAsRoot(`a full disk${isRoot ? '' : ' (skipped: mounting a small file system needs root)'}`, () => {
  let mountPoint = '';
  let dataDir = '';
  beforeEach(async () => {
    // LMDB prints the failed write itself, also after the test has ended.
    console.error = () => undefined;
    mountPoint = await mkdtemp(join(tmpdir(), 'timonel-store-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mountPoint]);
    dataDir = join(mountPoint, 'store');
    await mkdir(dataDir);
  });
  afterEach(async () => {
    execFileSync('umount', [mountPoint]);
    await rm(mountPoint, { recursive: true, force: true });
  });

  it('stops writes with NO_SPACE, goes on reading, and loses nothing', async () => {
    const failures: unknown[] = [];
    const open = (): Promise<RaftStore> =>
      RaftStore.open({
        env: createRealEnv(),
        log: silentLogger,
        dataDir,
        config: { compaction: defaultCompactionPolicy },
        onFailure: (error) => failures.push(error),
      });
    const store = await open();
    const value = new Uint8Array(20_000).fill(7);
    const acknowledged: string[] = [];
    let refused: unknown;
    for (let n = 0; n < 1000 && refused === undefined; n += 1) {
      const key = `/k${n}`;
      try {
        await store.txn({ compare: [], success: [{ op: 'put', key, value }] });
        acknowledged.push(key);
      } catch (error) {
        refused = error;
      }
    }
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(refused).toMatchObject({ code: 'NO_SPACE', message: expect.stringContaining(dataDir) });
    expect(failures).toHaveLength(1);
    expect((await store.range({ prefix: '/k', serializable: true, keysOnly: true })).count).toBeGreaterThanOrEqual(
      acknowledged.length,
    );
    await store.close();

    execFileSync('mount', ['-o', 'remount,size=32m', mountPoint]);
    const again = await open();
    const { kvs } = await again.range({ prefix: '/k' });
    const found = new Map(kvs.map((kv) => [kv.key, kv.value]));
    for (const key of acknowledged) expect(found.get(key)?.length).toBe(value.length);
    await again.txn({ compare: [], success: [{ op: 'put', key: '/after', value }] });
    await again.close();
  }, 60_000);
});
