import { availableParallelism, loadavg } from 'node:os';
import { controlPlane } from '../../cli/src/profiles/control-plane.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { withTemporaryFolder } from './cleanup.ts';
import { crowdPhase, manyPhase, rollOutPhase, scaleUpPhase, type PhaseOptions } from './controllers/phases.ts';
import { withPrograms } from './controllers/programs.ts';
import { figuresOf, formatRows, inOrder, makeRows, sizesOf, type Row } from './controllers/rows.ts';
import type { Figure } from './figures.ts';

const bench = 'controllers';

/** 0.1 for a quick look at a tenth of the sizes. */
const scale = Number(process.env['TIMONEL_BENCH_SCALE'] ?? '1');

const notes = `Notes
- The server is one process: API over TLS, store-raft with one member that flushes every write, and all controllers that run by
  default. A client process creates and patches over 48 connections and sees what comes of it by watches.
- Scaled: no nodes and no scheduler, so that nothing but the creations is measured; the API's own rate is that of clients that
  create the same pods over those connections, in the same process, right before.
- All other rows have the scheduler and runtime-fake: pods are ready as soon as they are bound, and gone as soon as their deletion
  is seen.
- Settled: nothing was written for 3 s; leases of nodes do not count.
- Heap of the controllers: growth of the heap (after a collection of garbage) from idle to all pods, minus the growth of a server
  without controllers to which clients give the same pods.
- kube-controller-manager is not run here: on such a machine it makes 210–370 pods per second without limits, 26 with its defaults.
- TIMONEL_BENCH_SCALE=0.1 makes everything a tenth of its size, for a quick look.`;

/** With the settings of any cluster: those of the controllers do not depend on them. */
function defaultControllers(): PhaseOptions['controllers'] {
  const settings = {
    instance: 'bench',
    nodeName: 'bench',
    address: '127.0.0.1',
    port: 0,
    podCidr: '10.200.0.0/24',
    serviceCidr: '10.96.0.0/16',
    onShutdown: 'remove',
    hasNftables: false,
  } as const;
  return controlPlane(settings).filter(({ plugin }) => plugin.startsWith('controller-'));
}

interface Phase {
  readonly run: (options: PhaseOptions) => Promise<void>;
  readonly rows: readonly Row[];
}

async function runBench(options: BenchOptions): Promise<readonly Figure[]> {
  const sizes = sizesOf(scale);
  const rows = makeRows(sizes);
  const wanted = (...some: readonly Row[]): boolean =>
    options.only === undefined || some.some(({ name }) => options.only?.includes(name));
  const phases: readonly Phase[] = [
    { run: scaleUpPhase, rows: [rows.scaleUp] },
    { run: rollOutPhase, rows: [rows.rollOut] },
    { run: manyPhase, rows: [rows.many] },
    { run: crowdPhase, rows: [rows.memory, rows.deletion] },
  ].filter((phase) => wanted(...phase.rows));
  const remarks: string[] = [];
  await withTemporaryFolder('timonel-bench-controllers-', (dir) =>
    withPrograms(async (serve) => {
      for (const phase of phases) {
        const name = phase.rows.map((row) => row.name).join(', ');
        const began = performance.now();
        try {
          await phase.run({ ...options, serve, sizes, rows, dir, controllers: defaultControllers() });
          options.note(`${name}: done (${((performance.now() - began) / 1000).toFixed(1)} s)`);
        } catch (error) {
          options.note(`"${name}" failed: ${String(error)}`);
          remarks.push(`\n- "${name}" failed: ${String(error)}`);
        }
      }
    }),
  );
  const [load = 0] = loadavg();
  remarks.push(`\n- Load of the machine at the end: ${load.toFixed(1)} on ${availableParallelism()} cores.`);
  const shown = inOrder(rows).filter((row) => phases.some((phase) => phase.rows.includes(row)));
  options.print?.(`${formatRows(shown)}\n\n${notes}${remarks.join('')}`);
  return figuresOf(bench, shown);
}

export const controllers: Bench = {
  name: bench,
  description:
    'controllers under load: creation rate, roll-out, a thousand Deployments, memory, deletion of a namespace',
  needsRoot: false,
  defaultRounds: 3,
  rows: inOrder(makeRows(sizesOf(scale))).map(({ name }) => name),
  run: runBench,
};
