/** What a long run of updates leaves on the disk, and whether it holds the server up. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Bench, BenchOptions } from './bench.ts';
import { withCleanup, withTemporaryFolder } from './cleanup.ts';
import type { Figure } from './figures.ts';
import { OurGroup } from './store/our-group.ts';
import type { OurConnection } from './store/our-connection.ts';
import { residentMB } from './store/process-usage.ts';
import { withPrograms } from './store/programs.ts';
import { stallResolutionMs } from './store/protocol.ts';
import { oursName } from './store/rows.ts';

const bench = 'store-space';
const keys = 1_000;
const valueBytes = 1_024;
const updates = 1_000_000;
const clients = 64;
const parts = 20;

const keyBytes = 'key'.length + String(keys - 1).length;
const megabyte = 1e6;

/** What is allocated on the disk: a file may have holes. */
async function allocatedBytes(dir: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(dir, { recursive: true })) {
    // A file may go while they are counted.
    const { blocks = 0 } = (await lstat(join(dir, entry)).catch(() => undefined)) ?? {};
    bytes += blocks * 512;
  }
  return bytes;
}

async function stallMs(connection: OurConnection): Promise<number> {
  return JSON.parse((await connection.ask('stall')).toString()) as number;
}

interface Taken {
  readonly ratios: number[];
  readonly finalMB: number[];
  readonly peakMB: number[];
  readonly stalls: number[];
  readonly noise: number[];
  readonly rates: number[];
  readonly memory: number[];
}

async function measure(group: OurGroup, dir: string, { note }: BenchOptions, taken: Taken): Promise<void> {
  const connection = await group.connect(0);
  await stallMs(connection);
  const noise = monitorEventLoopDelay({ resolution: stallResolutionMs });
  noise.enable();
  let peak = 0;
  for (let part = 1; part <= parts; part++) {
    const requests = updates / parts;
    const { seconds } = await group.load({ operation: 'put', clients, requests, valueBytes }, keys);
    taken.rates.push(requests / seconds);
    taken.stalls.push(await stallMs(connection));
    taken.noise.push(noise.max / 1e6 - stallResolutionMs);
    noise.reset();
    peak = Math.max(peak, await allocatedBytes(dir));
    note(
      `${((part * updates) / parts).toLocaleString('en')} updates, ${Math.round(peak / megabyte)} MB at most so far`,
    );
  }
  const { revision, compactedRevision } = await connection.status();
  const final = await allocatedBytes(dir);
  const wanted = (keys + revision - compactedRevision) * (keyBytes + valueBytes);
  note(`${revision - compactedRevision} revisions of history: ${Math.round(wanted / megabyte)} MB with the live data`);
  taken.ratios.push(final / wanted);
  taken.finalMB.push(final / megabyte);
  taken.peakMB.push(peak / megabyte);
  taken.memory.push(residentMB(group.pids));
  noise.disable();
  connection.close();
}

async function runBench(options: BenchOptions): Promise<readonly Figure[]> {
  const taken: Taken = { ratios: [], finalMB: [], peakMB: [], stalls: [], noise: [], rates: [], memory: [] };
  await withPrograms(async (programs) => {
    for (let round = 1; round <= options.rounds; round++) {
      await withTemporaryFolder('timonel-bench-store-', async (dir) => {
        const group = await OurGroup.make({ plugin: oursName, programs, dir, size: 1 });
        await withCleanup(
          () => group.stop(),
          async () => {
            await group.begin();
            await measure(group, dir, options, taken);
          },
        );
      });
    }
  });
  const name = `${oursName}, ${updates.toLocaleString('en')} updates of ${keys.toLocaleString('en')} keys of 1 KiB`;
  return [
    { bench, name: `${name}: files, of live data and history`, unit: '×', wanted: { max: 3 }, samples: taken.ratios },
    { bench, name: `${name}: files afterwards`, unit: 'MB', samples: taken.finalMB },
    { bench, name: `${name}: files at most`, unit: 'MB', samples: taken.peakMB },
    {
      bench,
      name: 'longest stall of the event loop in each part',
      unit: 'ms',
      wanted: { max: 100 },
      samples: taken.stalls,
    },
    {
      bench,
      name: 'the same of this process, which is idle: the noise of the machine',
      unit: 'ms',
      samples: taken.noise,
    },
    { bench, name: 'updates, each part', unit: '1/s', samples: taken.rates },
    { bench, name: 'resident memory afterwards', unit: 'MB', samples: taken.memory },
  ];
}

export const storeSpace: Bench = {
  name: bench,
  description: `${oursName}: files after ${updates.toLocaleString('en')} updates of ${keys.toLocaleString('en')} keys, and stalls of the server meanwhile`,
  needsRoot: false,
  defaultRounds: 1,
  run: runBench,
};
