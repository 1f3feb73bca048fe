/** Starts that fail and stops amid work leave nothing behind. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv, createSimulatedEnv } from '@timonel/core/env';
import { silentLogger } from '../test/silent-logger.ts';
import { configOf } from './config.ts';
import { RaftStore, type RaftStoreOptions } from './raft-store.ts';
import type { Transport } from './transport/types.ts';

const transport: Transport = {
  listening: '127.0.0.1:1',
  start: () => Promise.resolve(),
  setPeers: () => undefined,
  send: () => true,
  call: () => Promise.reject(new Error('there are no calls here')),
  close: () => Promise.resolve(),
};
const tls = { caFile: '-', certFile: '-', keyFile: '-' };
const cluster = { memberId: 'a', name: 'a', listen: { address: '127.0.0.1', port: 1 }, advertise: '127.0.0.1:1', tls };

describe('a store', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-store-lifetime-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const open = (more: Partial<RaftStoreOptions>, join = false) =>
    RaftStore.open({
      env: createRealEnv(),
      log: silentLogger,
      dataDir,
      config: configOf({ cluster: { ...cluster, join }, timing: { requestTimeoutMs: 1_000 } }),
      onFailure: () => undefined,
      transport: () => transport,
      ...more,
    });

  it('lets go of its files and timers when it cannot listen, and starts later', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    const failing = { ...transport, start: () => Promise.reject(new Error('the address is in use')) };
    await expect(open({ env, transport: () => failing })).rejects.toThrow('the address is in use');
    expect(env.pendingTimers).toBe(0);
    const store = await open({});
    await store.txn({ compare: [], success: [{ op: 'put', key: 'k', value: Buffer.from('v') }] });
    await store.close();
  });

  it('answers with STOPPED what waits when it is closed', async () => {
    const store = await open({}, true);
    const waiting = [
      store.get('k'),
      store.txn({ compare: [], success: [{ op: 'put', key: 'k', value: Buffer.from('v') }] }),
      store.admin.moveLeader(),
      store.keepAlive(1),
    ].map((work) =>
      work.then(
        () => 'done',
        (error: { code: unknown }) => error.code,
      ),
    );
    await store.close();
    expect(await Promise.all(waiting)).toEqual(['STOPPED', 'STOPPED', 'STOPPED', 'STOPPED']);
  });

  it('gives back all timers when it is closed', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    const store = await open({ env }, true);
    expect(env.pendingTimers).toBeGreaterThan(0);
    await store.close();
    expect(env.pendingTimers).toBe(0);
  });

  it('refuses members that others could not name or reach', async () => {
    const store = await open({});
    await store.barrier();
    const add = (member: { id?: string; name?: string; peerUrl?: string }) =>
      store.admin.addLearner({ id: 'b', name: 'b', peerUrl: '127.0.0.1:2', ...member });
    for (const peerUrl of ['nonsense', 'host', 'host:0', 'host:99999', 'https://host:1', `${'h'.repeat(300)}:1`]) {
      await expect(add({ peerUrl })).rejects.toMatchObject({
        code: 'REFUSED',
        message: expect.stringContaining('peerUrl'),
      });
    }
    await expect(add({ id: 'é'.repeat(100) })).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(add({ name: 'é'.repeat(100) })).rejects.toMatchObject({ code: 'REFUSED' });
    expect((await store.status()).members).toHaveLength(1);
    await store.close();
  });
});
