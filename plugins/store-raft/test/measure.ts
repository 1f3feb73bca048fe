/**
 * Prints rates of one member on this machine: `node --conditions timonel-source --import tsx plugins/store-raft/test/measure.ts`.
 * Argument: a directory on the disk to measure (default: the temporary directory).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv, keepProcessAlive } from '@timonel/core/env';
import { configOf } from '../src/config.ts';
import { RaftStore } from '../src/raft-store.ts';
import { silentLogger } from './silent-logger.ts';

const release = keepProcessAlive();
const dataDir = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'timonel-store-measure-'));
const store = await RaftStore.open({
  env: createRealEnv(),
  log: silentLogger,
  dataDir,
  config: configOf({}),
  onFailure: (error) => console.error(error),
});
const value = Buffer.alloc(Number(process.env['VALUE_BYTES'] ?? 256), 1);
const rows: Record<string, unknown>[] = [];

async function measure(
  what: string,
  total: number,
  workers: number,
  run: (at: number) => Promise<unknown>,
): Promise<void> {
  const durations: number[] = [];
  let next = 0;
  const started = performance.now();
  const cpu = process.cpuUsage();
  const worker = async (): Promise<void> => {
    while (next < total) {
      const at = next++;
      const begin = performance.now();
      await run(at);
      durations.push(performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  durations.sort((a, b) => a - b);
  const quantile = (q: number): number => Number((durations[Math.floor(durations.length * q)] ?? 0).toFixed(3));
  rows.push({
    what,
    perSecond: Math.round((total / ms) * 1000),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    cpuUsEach: Math.round((user + system) / total),
  });
}

const put = (at: number): Promise<unknown> =>
  store.txn({ compare: [], success: [{ op: 'put', key: `/registry/pods/ns/${at % 5000}`, value }] });
await measure('put, 64 writers (warm-up)', 10_000, 64, put);
await measure('put, 1 writer', 2_000, 1, put);
await measure('put, 64 writers', 40_000, 64, put);
await measure('put, 256 writers', 40_000, 256, put);
await measure('get', 50_000, 1, (at) => store.get(`/registry/pods/ns/${at % 5000}`));
await measure('range of 5,000 keys', 50, 1, () => store.range({ prefix: '/registry/pods/' }));
await measure('range of 5,000 keys, limit 500', 200, 1, () => store.range({ prefix: '/registry/pods/', limit: 500 }));
const { revision } = await store.status();
const old = { prefix: '/registry/pods/', revision: revision - 2_000 };
await measure('range of 5,000 keys, 2,000 revisions ago', 20, 1, () => store.range(old));
console.table(rows);
console.log(JSON.stringify({ sizeBytes: (await store.status()).sizeBytes, rows }));
await store.close();
await rm(dataDir, { recursive: true, force: true });
release();
