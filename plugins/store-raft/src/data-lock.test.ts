import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { configOf } from './config.ts';
import { RaftStore } from './raft-store.ts';
import { silentLogger } from '../test/silent-logger.ts';

it('opens a data directory once at a time, by whatever name', async () => {
  const root = await mkdtemp(join(tmpdir(), 'timonel-store-raft-lock-'));
  const open = (dataDir: string): Promise<RaftStore> =>
    RaftStore.open({
      env: createRealEnv(),
      log: silentLogger,
      dataDir,
      config: configOf({}),
      onFailure: () => undefined,
    });
  try {
    await symlink(root, join(root, 'alias'));
    const first = await open(root);
    await expect(open(join(root, 'alias'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(`${root} is open in another store`),
    });
    await first.txn({ compare: [], success: [{ op: 'put', key: 'k', value: Buffer.from('v') }] });
    await first.close();
    const second = await open(root);
    expect((await second.get('k')).kv?.value).toEqual(Buffer.from('v'));
    await second.close();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
