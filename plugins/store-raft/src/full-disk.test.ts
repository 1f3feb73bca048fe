/** A file system of 8 MiB that fills up: a clear error, reads that go on, and everything acknowledged after there is room. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { silentLogger } from '../test/silent-logger.ts';
import { configOf } from './config.ts';
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
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mountPoint]);
    dataDir = join(mountPoint, 'store');
    await mkdir(dataDir);
  });
  afterEach(async () => {
    execFileSync('umount', [mountPoint]);
    await rm(mountPoint, { recursive: true, force: true });
  });

  it('refuses writes with NO_SPACE, goes on reading, loses nothing, and goes on by itself when there is room', async () => {
    const failures: unknown[] = [];
    const open = (): Promise<RaftStore> =>
      RaftStore.open({
        env: createRealEnv(),
        log: silentLogger,
        dataDir,
        config: configOf({ segmentBytes: 512 * 1024 }),
        onFailure: (error) => failures.push(error),
      });
    const store = await open();
    const value = new Uint8Array(20_000).fill(7);
    const put = (key: string) => store.txn({ compare: [], success: [{ op: 'put', key, value }] });
    const acknowledged: string[] = [];
    let refused: unknown;
    for (let n = 0; n < 2000 && refused === undefined; n += 1) {
      try {
        await put(`/k${n}`);
        acknowledged.push(`/k${n}`);
      } catch (error) {
        refused = error;
      }
    }
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(refused).toMatchObject({ code: 'NO_SPACE', message: expect.stringContaining(dataDir) });
    await expect(put('/refused')).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect((await store.range({ prefix: '/k', serializable: true, keysOnly: true })).count).toBeGreaterThanOrEqual(
      acknowledged.length,
    );
    execFileSync('mount', ['-o', 'remount,size=48m', mountPoint]);
    const deadline = Date.now() + 20_000;
    for (let done = false; !done;) {
      done = await put('/after').then(
        () => true,
        () => false,
      );
      if (!done && Date.now() > deadline) throw new Error('writes do not go on');
      if (!done) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(failures).toEqual([]);
    await store.close();

    const again = await open();
    const { kvs } = await again.range({ prefix: '/k' });
    const found = new Map(kvs.map((kv) => [kv.key, kv.value]));
    for (const key of acknowledged) expect(found.get(key)?.length).toBe(value.length);
    expect((await again.get('/after')).kv?.value.length).toBe(value.length);
    expect((await again.get('/refused')).kv).toBeUndefined();
    await again.close();
  }, 60_000);
});
