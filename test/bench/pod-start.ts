import type { Bench, BenchOptions } from './bench.ts';
import { withFreshCluster } from './bench-cluster.ts';
import { BenchPods, programs } from './bench-pods.ts';
import { withCleanup } from './cleanup.ts';
import type { Figure } from './figures.ts';

const bench = 'pod-start';
const wanted = { p50: 300, p99: 1000 };
const atOnce = 10;

/** One after the other; each stays, so that the node has more and more of them. */
async function sequence(pods: BenchPods, rounds: number, kind: keyof typeof programs): Promise<number[]> {
  const samples: number[] = [];
  const names = Array.from({ length: rounds }, (_, n) => `${kind}-${n}`);
  for (const name of names) samples.push(await pods.run(name, programs[kind]));
  await pods.remove(names);
  return samples;
}

async function measure(pods: BenchPods, { rounds, note }: BenchOptions): Promise<Figure[]> {
  const first = await pods.run('first', programs.sleep);
  await pods.remove(['first']);
  note(`the first pod took ${first.toFixed(0)} ms`);
  const sleeping = await sequence(pods, rounds, 'sleep');
  note(`${rounds} pods of sleep, one after the other`);
  const serving = await sequence(pods, rounds, 'node');
  note(`${rounds} pods of node, one after the other`);
  const together: number[] = [];
  for (let group = 0; group < Math.ceil(rounds / atOnce); group += 1) {
    const names = Array.from({ length: atOnce }, (_, n) => `group-${group}-${n}`);
    together.push(...(await Promise.all(names.map((name) => pods.run(name, programs.sleep)))));
    await pods.remove(names);
  }
  note(`${together.length} pods, ${atOnce} at once`);
  return [
    { bench, name: 'POST to Running (sleep)', unit: 'ms', wanted, samples: sleeping },
    { bench, name: 'POST to Running (node)', unit: 'ms', wanted, samples: serving },
    { bench, name: `POST to Running, ${atOnce} posted at once (sleep)`, unit: 'ms', samples: together },
    { bench, name: 'first pod of a node, which makes its image', unit: 'ms', samples: [first] },
  ];
}

export const podStart: Bench = {
  name: bench,
  description: 'POST of a pod until a watch shows it Running: real containers',
  needsRoot: true,
  defaultRounds: 30,
  run: (options) =>
    withFreshCluster(async ({ client }) => {
      const pods = await BenchPods.open(client);
      return withCleanup(
        () => pods.close(),
        () => measure(pods, options),
      );
    }),
};
