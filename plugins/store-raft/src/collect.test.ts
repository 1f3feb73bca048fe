import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { silentLogger } from '../test/silent-logger.ts';
import { configOf } from './config.ts';
import { openMember } from './member/open-member.ts';
import { RaftStore } from './raft-store.ts';

it('removes compacted history from the file and applied entries from the log', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'timonel-store-raft-collect-'));
  const env = createRealEnv();
  const config = configOf({ segmentBytes: 256 * 1024 });
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
  const compacted = total - 9;
  await store.compact(compacted);
  const { revision } = await store.status();
  // Closing ends with what is left to collect.
  await store.close();
  const { log, machine } = await openMember({ env, log: silentLogger, dataDir, address: '', join: false });
  expect(machine.standing).toMatchObject({ revision, compactedRevision: compacted });
  expect([...machine.file.changedKeys(0)].length).toBe(revision - compacted + 1);
  expect(machine.file.page('', undefined, Infinity, true).length).toBe(100);
  expect(log.recovered.base.index).toBeGreaterThan(0);
  expect(log.recovered.entries.length).toBeLessThan(total);
  await machine.file.close();
  await log.close();
  await rm(dataDir, { recursive: true, force: true });
}, 30_000);
