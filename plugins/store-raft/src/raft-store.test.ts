import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from '@timonel/testkit/contracts/store';
import { configOf } from './config.ts';
import { RaftStore } from './raft-store.ts';
import { silentLogger } from '../test/silent-logger.ts';

storeContract(
  'store-raft, one member',
  async ({ env }) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'timonel-store-raft-'));
    const open = (): Promise<RaftStore> =>
      RaftStore.open({
        env,
        log: silentLogger,
        dataDir,
        config: configOf({}),
        onFailure: (error) => {
          throw error;
        },
      });
    let store = await open();
    return {
      store,
      async reopen() {
        await store.close();
        store = await open();
        return store;
      },
      async close() {
        await store.close();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  },
  { durable: true },
);
