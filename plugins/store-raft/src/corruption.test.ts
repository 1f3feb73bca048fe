import { mkdtemp, open, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import type { Store } from '@timonel/sdk/contracts/store';
import { silentLogger } from '../test/silent-logger.ts';
import { configOf } from './config.ts';
import { openLmdb } from './lmdb-file.ts';
import { RaftStore } from './raft-store.ts';

const stateName = 'state-000000.mdb';

describe('corrupt data files', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-store-raft-corrupt-'));
    const store = await openStore();
    for (let at = 0; at < 50; at++) await put(store, `k${at}`);
    await store.close();
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const openStore = (memberId?: string): Promise<RaftStore> => {
    const cluster = {
      memberId,
      name: 'm',
      listen: { address: '127.0.0.1', port: 0 },
      advertise: '127.0.0.1:1',
      tls: { caFile: 'none', certFile: 'none', keyFile: 'none' },
    };
    return RaftStore.open({
      env: createRealEnv(),
      log: silentLogger,
      dataDir,
      config: configOf(memberId === undefined ? {} : { cluster }),
      onFailure: () => undefined,
    });
  };
  const put = (store: Store, key: string) =>
    store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.from('value') }] });
  const logFile = async (): Promise<string> => {
    const [name = ''] = (await readdir(join(dataDir, 'log'))).filter((one) => one.endsWith('.wal')).sort();
    return join('log', name);
  };
  const contents = async (): Promise<string[]> => {
    const names = (await readdir(dataDir, { recursive: true })).filter((name) => /\.(mdb|wal|json)$/.test(name)).sort();
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
    expect(error?.message).toMatch(/remove this member/i);
    expect(await contents()).toEqual(before);
  }

  it('the state: garbage', async () => {
    await writeFile(join(dataDir, stateName), Buffer.alloc(65_536, 'garbage'));
    await refuses(stateName, /no LMDB meta page/);
  });

  it('the state: a few bytes', async () => {
    await writeFile(join(dataDir, stateName), 'hello');
    await refuses(stateName, /only 5 bytes/);
  });

  it('the state: cut off', async () => {
    await truncate(join(dataDir, stateName), 3 * 8192);
    await refuses(stateName, /cut off/);
  });

  it('the state: another version of LMDB', async () => {
    const handle = await open(join(dataDir, stateName), 'r+');
    await handle.write(Buffer.from([9]), 0, 1, 28);
    await handle.close();
    await refuses(stateName, /LMDB format 9/);
  });

  it('starts on a state whose last pages were given back before they were written', async () => {
    const path = join(dataDir, stateName);
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
    await refuses(stateName, /cut off/);
  });

  it('the log: garbage', async () => {
    await writeFile(join(dataDir, await logFile()), Buffer.alloc(65_536, 'garbage'));
    await refuses('log', /corrupt/);
  });

  it('the log: a flipped bit amid its records', async () => {
    const path = join(dataDir, await logFile());
    const bytes = await readFile(path);
    const at = bytes.indexOf('k17');
    bytes[at] = 0x6a;
    await writeFile(path, bytes);
    await refuses(await logFile(), /corrupt/);
  });

  it('the log is missing', async () => {
    await rm(join(dataDir, 'log'), { recursive: true });
    await refuses('log', /is missing/);
  });

  it('the log ends before the state', async () => {
    const older = await mkdtemp(join(tmpdir(), 'timonel-store-raft-older-'));
    const store = await RaftStore.open({
      env: createRealEnv(),
      log: silentLogger,
      dataDir: older,
      config: configOf({}),
      onFailure: () => undefined,
    });
    await store.close();
    const name = await logFile();
    await writeFile(join(dataDir, name), await readFile(join(older, name)));
    await rm(older, { recursive: true });
    await refuses('log', /it ends at entry \d+, while the state stands at \d+/);
  });

  it('makes the state anew from a whole log', async () => {
    await rm(join(dataDir, stateName));
    const store = await openStore();
    expect(await store.range({ prefix: 'k' })).toMatchObject({ count: 50, revision: 51 });
    await store.close();
  });

  it('the name of the member is missing', async () => {
    await rm(join(dataDir, 'member.json'));
    await refuses('member.json', /is missing, while there are data/);
  });

  it('data of another member are refused', async () => {
    await expect(openStore('somebody-else')).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('not of somebody-else'),
    });
  });

  it('data of the format before this one are refused', async () => {
    await writeFile(join(dataDir, 'raft-log.mdb'), 'old');
    await expect(openStore()).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('before 0.2'),
    });
  });
});
