import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runPathOf } from '../../plugins/runtime-linux/src/run-directory.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { withFreshCluster, type BenchCluster } from './bench-cluster.ts';
import { BenchPods, programs } from './bench-pods.ts';
import { withCleanup } from './cleanup.ts';
import type { Figure } from './figures.ts';

const bench = 'footprint';
const podCount = 10;
const idleMs = 20_000;
const intervalMs = 1000;
const kibPerMB = 1e6 / 1024;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function kib(file: string, key: string): number {
  const text = readFileSync(file, 'utf8');
  const found = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`${file} has no ${key}`);
  return Number(found);
}

const resident = (pid: number): number => kib(`/proc/${pid}/status`, 'VmRSS') / kibPerMB;
const proportional = (pid: number): number => kib(`/proc/${pid}/smaps_rollup`, 'Pss') / kibPerMB;

/** Monitors of this cluster: its directories are in their command line. */
function monitors(dataDir: string): number[] {
  const places = [dataDir, runPathOf(join(dataDir, 'data', 'runtime-linux'), '')];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return (
          /(^|\/)timonel-monitor/.test(program) &&
          args.some((arg) => places.some((place) => arg.startsWith(`${place}/`)))
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function measure({ pid, dataDir }: BenchCluster, { rounds, note }: BenchOptions): Promise<Figure[]> {
  const before = { resident: resident(pid), proportional: proportional(pid) };
  note(`${podCount} pods run; ${idleMs / 1000} s of idling, then ${rounds} samples`);
  await sleep(idleMs);
  const rss: number[] = [];
  const pss: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    rss.push(resident(pid));
    pss.push(proportional(pid));
    await sleep(intervalMs);
  }
  const watchers = monitors(dataDir);
  if (watchers.length < podCount) throw new Error(`${watchers.length} monitors were found for ${podCount} pods`);
  note(`${watchers.length} monitor processes`);
  return [
    { bench, name: `cluster process, ${podCount} pods, resident`, unit: 'MB', wanted: { p50: 220 }, samples: rss },
    { bench, name: `cluster process, ${podCount} pods, proportional`, unit: 'MB', samples: pss },
    { bench, name: 'cluster process right after the pods started', unit: 'MB', samples: [before.resident] },
    { bench, name: 'each monitor, resident', unit: 'MB', wanted: { max: 1.5 }, samples: watchers.map(resident) },
    { bench, name: 'each monitor, proportional', unit: 'MB', samples: watchers.map(proportional) },
  ];
}

export const footprint: Bench = {
  name: bench,
  description: `memory of the cluster process with ${podCount} idle pods, and of the monitors`,
  needsRoot: true,
  defaultRounds: 10,
  run: (options) =>
    withFreshCluster(async (cluster) => {
      const pods = await BenchPods.open(cluster.client);
      return withCleanup(
        () => pods.close(),
        async () => {
          for (let n = 0; n < podCount; n += 1) await pods.run(`idle-${n}`, programs.sleep);
          return measure(cluster, options);
        },
      );
    }),
};
