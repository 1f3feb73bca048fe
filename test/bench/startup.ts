import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Bench, BenchOptions } from './bench.ts';
import { newDataDir, removeDataDir, withCluster, withFreshCluster } from './bench-cluster.ts';
import { withCleanup } from './cleanup.ts';
import type { Figure } from './figures.ts';

const startLimitMs = 2000;
const kernelLimitMs = 50;
const kernelProgram = join(import.meta.dirname, 'kernel-alone.mjs');
const bench = 'startup';
// What the command chooses by itself.
const profile = process.getuid?.() === 0 ? 'all-in-one' : 'all-in-one-process, not root';

async function commandFigures({ rounds, note }: BenchOptions): Promise<Figure[]> {
  const again: number[] = [];
  const fresh: number[] = [];
  const stops: number[] = [];
  const dataDir = newDataDir();
  await withCleanup(
    () => removeDataDir(dataDir),
    async () => {
      // The first start makes the data directory and warms the disk's cache.
      await withCluster(dataDir, (cluster) => cluster.stop());
      for (let round = 1; round <= rounds; round += 1) {
        await withCluster(dataDir, async (cluster) => {
          again.push(cluster.readyMs);
          stops.push(await cluster.stop());
        });
        await withFreshCluster(async (cluster) => {
          fresh.push(cluster.readyMs);
          await cluster.stop();
        });
        note(`round ${round} of ${rounds}: ${again.at(-1)?.toFixed(0)} ms, fresh ${fresh.at(-1)?.toFixed(0)} ms`);
      }
    },
  );
  const wanted = { p50: startLimitMs };
  return [
    { bench, name: `exec of timonel up to node Ready (${profile})`, unit: 'ms', wanted, samples: again },
    { bench, name: 'the same, first start of a data directory', unit: 'ms', wanted, samples: fresh },
    { bench, name: 'SIGINT to end of the process, no pods', unit: 'ms', samples: stops },
  ];
}

function kernelFigures({ rounds, note }: BenchOptions): Figure[] {
  const kernel: number[] = [];
  const imports: number[] = [];
  const whole: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const began = performance.now();
    const text = execFileSync(process.execPath, [kernelProgram], { encoding: 'utf8' });
    const wholeMs = performance.now() - began;
    if (round === 0) continue;
    const { importMs, kernelMs } = JSON.parse(text) as { importMs: number; kernelMs: number };
    whole.push(wholeMs);
    imports.push(importMs);
    kernel.push(kernelMs);
  }
  note(`kernel alone: ${rounds} rounds`);
  const wanted = { p50: kernelLimitMs };
  return [
    { bench, name: 'kernel without plugins: create, start, stop', unit: 'ms', wanted, samples: kernel },
    { bench, name: 'kernel without plugins: import of its code', unit: 'ms', samples: imports },
    { bench, name: 'kernel without plugins: whole process', unit: 'ms', samples: whole },
  ];
}

export const startup: Bench = {
  name: bench,
  description: 'start of `timonel up` until its node is Ready; start and stop of the kernel alone',
  needsRoot: false,
  defaultRounds: 10,
  run: async (options) => [...(await commandFigures(options)), ...kernelFigures(options)],
};
