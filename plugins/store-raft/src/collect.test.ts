import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { defaultCompactionPolicy } from '@timonel/sdk/contracts/store';
import { openMemberData } from './member-data.ts';
import { RaftStore } from './raft-store.ts';
import { silentLogger } from '../test/silent-logger.ts';

it('removes compacted history from the file and applied entries from the log', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'timonel-store-raft-collect-'));
  const config = { compaction: defaultCompactionPolicy };
  const env = createRealEnv();
  const store = await RaftStore.open({ env, log: silentLogger, dataDir, config, onFailure: () => undefined });
  const total = 12_000;
  let written = 0;
  const writer = async (): Promise<void> => {
    while (written < total) {
      const key = `k${written++ % 100}`;
      await store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.alloc(100) }] });
    }
  };
  await Promise.all(Array.from({ length: 64 }, writer));
  await store.compact(total - 9);
  const { revision } = await store.status();
  await store.close();
  // Closing lets the garbage collection come to its end.
  const { log, state } = await openMemberData(dataDir, () => 'unused', undefined);
  expect(state.readMeta()).toMatchObject({ revision, compactedRevision: total - 9, collectedRevision: total - 9 });
  expect(state.changes.getCount()).toBe(revision - (total - 9) + 1);
  expect(state.history.getCount()).toBe(revision - (total - 9) + 1);
  expect(state.current.getCount()).toBe(100);
  expect(log.hardState.droppedIndex).toBeGreaterThan(0);
  expect([...log.read(log.hardState.droppedIndex + 1)].length).toBeLessThan(total);
  await state.close();
  await log.close();
  await rm(dataDir, { recursive: true, force: true });
}, 30_000);
