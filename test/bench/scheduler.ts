import { availableParallelism, loadavg } from 'node:os';
import { resolve } from 'node:path';
import type { Bench, BenchOptions } from './bench.ts';
import { withTemporaryFolder } from './cleanup.ts';
import type { Figure } from './figures.ts';
import type { Measured } from './scheduler/cluster.ts';
import { withPrograms, type Programs } from './scheduler/programs.ts';
import { allRows, figuresOf, rowsOf, type Row } from './scheduler/rows.ts';
import { formatLeague, formatRows } from './scheduler/tables.ts';

const bench = 'scheduler';

/** Another workload file to run in place of those of the benchmark: one of Kubernetes, for example. */
const otherFile = process.env['TIMONEL_BENCH_WORKLOADS'];
const makeRows = (): Row[] => (otherFile === undefined ? allRows() : rowsOf(resolve(otherFile)));

const notes = `Notes
- Workloads lie in test/bench/scheduler/workloads, in the format of Kubernetes' scheduler_perf; the names, sizes and constraints
  are those that it publishes. TIMONEL_BENCH_WORKLOADS=FILE runs another file of that format. ITS FLOOR is the least that its
  continuous integration asks for, on bigger machines.
- kube-scheduler is not run here. Its figure is of version 1.28 with kube-apiserver and etcd at 5,000 nodes, client limits
  lifted, on a quiet machine of two cores.
- full path: one server process with the API over TLS, store-raft with one member that flushes every write, the scheduler's host
  and the scheduler; no kubelets. A client process creates objects over 48 connections and sees bindings by a watch. Bound pods
  are counted from the first measured creation to the last binding; all are created as fast as they are taken, so that create →
  bound is mostly the time in the queue. Not so in Steady: 500 pods are created per second.
- pure: a process with the scheduler alone. Decisions are made in batches of 100 and come true at once; only the time in
  them counts. One decision: the last tenth of the pods, one by one, after a change each.
- CPU and MEMORY are what pods request of what all nodes have; DEVIATION is the standard deviation of nodes' shares.`;

/** What a process could not measure has come as null: JSON has no other numbers. */
function add(samples: number[], value: number | null, factor = 1): void {
  if (value !== null) samples.push(value * factor);
}

function take({ fields }: Row, measured: readonly Measured[]): void {
  const [one] = measured;
  if (one === undefined) throw new Error('the workload collects no metrics');
  add(fields.perSecond.samples, one.perSecond);
  add(fields.createToBoundP50.samples, one.createToBoundMs.p50);
  add(fields.createToBoundP99.samples, one.createToBoundMs.p99);
  add(fields.cpu.samples, one.cpuMicrosPerPod);
  // Members of a group are never decided one by one.
  add(fields.decisionP50.samples, one.decisionMs.p50, 1000);
  add(fields.decisionP99.samples, one.decisionMs.p99, 1000);
}

async function measure(row: Row, programs: Programs): Promise<void> {
  const options = { ...row.workload, scheduler: `scheduler-${row.scheduler}` };
  const result =
    row.mode === 'pure'
      ? await programs.pure(options)
      : await withTemporaryFolder('timonel-bench-scheduler-', (dataDir) => programs.full({ ...options, dataDir }));
  take(row, result.measured);
  row.fields.resident.samples.push(result.residentMB);
  row.utilisation = result.utilisation;
}

async function runBench(options: BenchOptions): Promise<readonly Figure[]> {
  const { rounds, only, note } = options;
  const rows = makeRows().filter(({ name }) => only === undefined || only.includes(name));
  const remarks: string[] = [];
  await withPrograms(async (programs) => {
    for (let round = 1; round <= rounds; round += 1) {
      for (const row of rows) {
        const began = performance.now();
        try {
          await measure(row, programs);
          note(`round ${round} of ${rounds}: ${row.name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
        } catch (error) {
          note(`"${row.name}" failed: ${String(error)}`);
          remarks.push(`\n- "${row.name}" failed: ${String(error)}`);
        }
      }
    }
  });
  const [load = 0] = loadavg();
  const cores = availableParallelism();
  remarks.push(
    `\n- Load of the machine at the end: ${load.toFixed(1)} on ${cores} cores; what is above its cores is others' noise.`,
  );
  const league = formatLeague(rows);
  options.print?.([formatRows(rows), ...(league === '' ? [] : [league]), `${notes}${remarks.join('')}`].join('\n\n'));
  return figuresOf(bench, rows);
}

export const scheduler: Bench = {
  name: bench,
  description: "schedulers by the workloads of Kubernetes' scheduler_perf: throughput, delays, utilisation, memory",
  needsRoot: false,
  defaultRounds: 1,
  rows: makeRows().map(({ name }) => name),
  run: runBench,
};
