/** Pods of a node beside podman: how soon they run, one by one and many at once, and what the node's agent takes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, BenchOptions } from './bench.ts';
import { BenchPods, programs } from './bench-pods.ts';
import { withCleanup, withTemporaryFolder } from './cleanup.ts';
import { median, type Figure } from './figures.ts';
import { withNode, type NodeUnderLoad } from './pods/node-process.ts';
import { measurePodman, type PodmanTimes } from './pods/podman.ts';
import { cpuSeconds, residentMB } from './pods/usage.ts';

const bench = 'pods';
const manyPods = 100;
const settleSeconds = 10;
const idleSeconds = 60;
const timesPodman = 5;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function checkPodman(): void {
  const folders = (process.env['PATH'] ?? '').split(':');
  if (folders.some((folder) => existsSync(join(folder, 'podman')))) return;
  throw new Error('podman is missing: apt-get install podman');
}

async function oneByOne(rounds: number, pods: BenchPods, run: (name: string) => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  const names = Array.from({ length: rounds }, (_, round) => `one-${round}`);
  for (const name of names) samples.push(await run(name));
  await pods.remove(names);
  return samples;
}

/** Ms from the first POST until the last of them runs. */
async function together(pods: BenchPods): Promise<{ readonly ms: number; readonly names: readonly string[] }> {
  const names = Array.from({ length: manyPods }, (_, count) => `many-${count}`);
  const began = performance.now();
  await Promise.all(names.map((name) => pods.run(name, programs.sleep)));
  return { ms: performance.now() - began, names };
}

async function measureNode(node: NodeUnderLoad, { rounds, note }: BenchOptions): Promise<Figure[]> {
  const pods = await BenchPods.open(node.client);
  return withCleanup(
    () => pods.close(),
    async () => {
      await pods.run('first', programs.sleep);
      await pods.remove(['first']);
      const samples = await oneByOne(rounds, pods, (name) => pods.run(name, programs.sleep));
      const ended = await oneByOne(rounds, pods, (name) => pods.runToEnd(name, programs.true));
      note(`${rounds} pods that stay and ${rounds} that end, one after the other`);
      const all = await together(pods);
      note(`${manyPods} pods at once; ${idleSeconds} s of idling`);
      await sleep(settleSeconds * 1000);
      const before = cpuSeconds(node.pid);
      await sleep(idleSeconds * 1000);
      const share = ((cpuSeconds(node.pid) - before) / idleSeconds) * 100;
      const memory = residentMB(node.pid);
      await pods.remove(all.names);
      return [
        { bench, name: 'POST to Running', unit: 'ms', wanted: { p50: 150, p99: 500 }, samples },
        { bench, name: 'POST to Succeeded (true)', unit: 'ms', samples: ended },
        {
          bench,
          name: `${manyPods} pods posted at once, until all run`,
          unit: 'ms',
          wanted: { max: 10_000 },
          samples: [all.ms],
        },
        { bench, name: `agent with ${manyPods} pods, resident`, unit: 'MB', wanted: { max: 120 }, samples: [memory] },
        {
          bench,
          name: `agent with ${manyPods} pods, idle, of a core`,
          unit: '%',
          wanted: { max: 2 },
          samples: [share],
        },
      ];
    },
  );
}

/** `least`: what is wanted; absent: the figure only informs. */
function faster(name: string, own: readonly number[], other: readonly number[], least?: number): Figure {
  const factor = median(other) / median(own);
  const verdict = least === undefined ? {} : { verdict: { wanted: `≥ ${least} ×`, met: factor >= least } };
  return { bench, name, unit: '×', ...verdict, samples: [factor] };
}

function besidePodman([running, ended]: readonly Figure[], podman: PodmanTimes): Figure[] {
  const [own, ownToEnd] = [running?.samples ?? [], ended?.samples ?? []];
  return [
    { bench, name: 'podman run of true, with network', unit: 'ms', samples: podman.ended },
    { bench, name: 'podman run --detach of sleep, with network', unit: 'ms', samples: podman.running },
    faster('POST to Running, faster than podman run', own, podman.ended, timesPodman),
    faster('POST to Succeeded, faster than podman run', ownToEnd, podman.ended),
    faster('POST to Running, faster than podman run --detach', own, podman.running),
  ];
}

export const pods: Bench = {
  name: bench,
  description: 'POST of a pod until it runs beside podman run, many pods at once, memory and idle CPU of the agent',
  needsRoot: true,
  defaultRounds: 50,
  async run(options) {
    checkPodman();
    const podman = await withTemporaryFolder('timonel-bench-podman-', (dir) => measurePodman(dir, options.rounds));
    options.note(`${options.rounds} containers of podman that stay, and as many that end`);
    const figures = await withNode((node) => measureNode(node, options));
    return [...figures, ...besidePodman(figures, podman)];
  },
};
