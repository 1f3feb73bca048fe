/**
 * Prints rates of the Raft log alone on this machine:
 * `node --conditions timonel-source --import tsx plugins/store-raft/test/measure-log.ts`.
 * Argument: a directory on the disk to measure (default: the temporary directory).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv, keepProcessAlive } from '@timonel/core/env';
import { openRaftLog } from '../src/log/raft-log.ts';
import { command, founded } from '../src/log/testing/log-model.ts';
import { ByteWriter } from '../src/log/byte-writer.ts';
import { encodeWrite } from '../src/log/record-body.ts';
import { silentLogger } from './silent-logger.ts';

const release = keepProcessAlive();
const directory = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'timonel-log-measure-'));
const log = await openRaftLog({ directory, newGroup: founded, env: createRealEnv(), log: silentLogger });
let last = 0;

/** Each append carries `group` entries, as a commit loop with so many waiting writers makes them. */
async function measure(what: string, appends: number, group: number, bytes: number): Promise<Record<string, unknown>> {
  const data = Buffer.alloc(bytes, 1);
  const durations: number[] = [];
  const began = performance.now();
  const cpu = process.cpuUsage();
  for (let at = 0; at < appends; at += 1) {
    const start = performance.now();
    const entries = Array.from({ length: group }, (_, offset) => command(last + 1 + offset, 1, data));
    await log.append([{ hardState: undefined, entries }]);
    last += group;
    durations.push(performance.now() - start);
    if (at % 1000 === 999) await log.dropUpTo({ ...founded, index: last - group, term: 1 });
  }
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  durations.sort((a, b) => a - b);
  const quantileUs = (q: number): number => Math.round((durations[Math.floor(durations.length * q)] ?? 0) * 1000);
  return {
    what,
    appendsPerSecond: Math.round((appends / ms) * 1000),
    entriesPerSecond: Math.round(((appends * group) / ms) * 1000),
    p50Us: quantileUs(0.5),
    p99Us: quantileUs(0.99),
    cpuUsPerEntry: Number(((user + system) / (appends * group)).toFixed(1)),
  };
}

function measureEncoding(): Record<string, unknown> {
  const out = new ByteWriter();
  const entries = Array.from({ length: 64 }, (_, at) => command(at + 1, 1, Buffer.alloc(300)));
  const rounds = 20_000;
  let began = 0;
  for (let round = -rounds; round < rounds; round += 1) {
    if (round === 0) began = performance.now();
    out.start(24);
    encodeWrite(out, { hardState: undefined, entries });
  }
  const us = ((performance.now() - began) * 1000) / (rounds * entries.length);
  return { what: 'encoding an entry of 300 bytes', cpuUsPerEntry: Number(us.toFixed(3)) };
}

const rows = [
  measureEncoding(),
  await measure('warm-up', 2000, 1, 300),
  await measure('one writer, 300 bytes', 5000, 1, 300),
  await measure('one writer, 4 KiB', 5000, 1, 4096),
  await measure('64 writers, 300 bytes', 5000, 64, 300),
  await measure('64 writers, 4 KiB', 1000, 64, 4096),
];
console.table(rows);
const began = performance.now();
const problems = await log.check();
console.log(
  `check of ${log.sizeBytes() >> 20} MiB: ${Math.round(performance.now() - began)} ms, ${problems.length} problems`,
);
await log.close();
await rm(directory, { recursive: true, force: true });
release();
