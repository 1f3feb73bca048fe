import { mkdtemp, open, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { defaultCompactionPolicy, type Store } from '@timonel/sdk/contracts/store';
import { openLmdb } from './lmdb-file.ts';
import { LogStorage } from './log/log-storage.ts';
import { RaftStore } from './raft-store.ts';
import { silentLogger } from '../test/silent-logger.ts';

describe('corrupt data files', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-store-raft-corrupt-'));
    const store = await openStore();
    for (let at = 0; at < 50; at++) await put(store, `k${at}`);
    await store.close();
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const openStore = (): Promise<RaftStore> =>
    RaftStore.open({
      env: createRealEnv(),
      log: silentLogger,
      dataDir,
      config: { compaction: defaultCompactionPolicy },
      onFailure: () => undefined,
    });
  const put = (store: Store, key: string) =>
    store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.from('value') }] });
  const contents = async (): Promise<string[]> => {
    const names = (await readdir(dataDir)).filter((name) => name.endsWith('.mdb')).sort();
    return Promise.all(
      names.map(async (name) => `${name} ${(await readFile(join(dataDir, name))).toString('base64')}`),
    );
  };

  async function refuses(file: string, why: RegExp): Promise<void> {
    const before = await contents();
    const error = await openStore().then(
      async (store) => {
        await store.close();
        return undefined;
      },
      (thrown: unknown) => thrown as { code: string; message: string },
    );
    expect(error?.code).toBe('CORRUPT');
    expect(error?.message).toContain(join(dataDir, file));
    expect(error?.message).toMatch(why);
    expect(error?.message).toMatch(/Restore a snapshot .* remove this member/);
    expect(await contents()).toEqual(before);
  }

  for (const file of ['state.mdb', 'raft-log.mdb']) {
    it(`${file}: garbage`, async () => {
      await writeFile(join(dataDir, file), Buffer.alloc(65_536, 'garbage'));
      await refuses(file, /no LMDB meta page/);
    });

    it(`${file}: a few bytes`, async () => {
      await writeFile(join(dataDir, file), 'hello');
      await refuses(file, /only 5 bytes/);
    });

    it(`${file}: cut off`, async () => {
      await truncate(join(dataDir, file), 3 * 8192);
      await refuses(file, /cut off/);
    });

    it(`${file}: another version of LMDB`, async () => {
      const handle = await open(join(dataDir, file), 'r+');
      await handle.write(Buffer.from([9]), 0, 1, 28);
      await handle.close();
      await refuses(file, /LMDB format 9/);
    });
  }

  it('starts on a file whose last pages were given back before they were written', async () => {
    const path = join(dataDir, 'state.mdb');
    const root = openLmdb(path, { overlappingSync: true });
    await root.transaction(() => {
      root.putSync(Buffer.from('large'), Buffer.alloc(400_000));
      root.removeSync(Buffer.from('large'));
    });
    const { lastPageNumber } = root.getStats() as { lastPageNumber: number };
    await root.close();
    const length = (await stat(path)).size;
    expect(length).toBeLessThan((lastPageNumber + 1) * 8192);
    const store = await openStore();
    expect(await store.range({ prefix: 'k' })).toMatchObject({ count: 50 });
    await store.close();
    await truncate(path, 3 * 8192);
    await refuses('state.mdb', /cut off/);
  });

  it('the log is missing', async () => {
    await rm(join(dataDir, 'raft-log.mdb'));
    await refuses('raft-log.mdb', /is missing/);
  });

  it('the state is missing after the log has been cut', async () => {
    const log = new LogStorage(join(dataDir, 'raft-log.mdb'), () => 'unused');
    await log.dropUpTo(20, 1);
    await log.close();
    await rm(join(dataDir, 'state.mdb'));
    await refuses('state.mdb', /is missing/);
  });

  it('makes the state anew from a whole log', async () => {
    await rm(join(dataDir, 'state.mdb'));
    const store = await openStore();
    expect(await store.range({ prefix: 'k' })).toMatchObject({ count: 50, revision: 51 });
    await store.close();
  });

  it('a flipped bit in an entry that has yet to be applied', async () => {
    await rm(join(dataDir, 'state.mdb'));
    const path = join(dataDir, 'raft-log.mdb');
    const bytes = await readFile(path);
    // In every copy of the entry: LMDB leaves old pages behind.
    for (let at = bytes.indexOf('k17'); at >= 0; at = bytes.indexOf('k17', at + 1)) bytes[at] = 0x6a;
    await writeFile(path, bytes);
    const error = await openStore().catch((thrown: unknown) => thrown as { code: string; message: string });
    expect(error).toMatchObject({ code: 'CORRUPT' });
    expect((error as { message: string }).message).toMatch(/entry 19 of the log: its checksum does not fit/);
  });
});
