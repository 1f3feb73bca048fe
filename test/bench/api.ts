import { spawnSync } from 'node:child_process';
import { etcdMissing } from '../support/etcd.ts';
import { withPrograms } from './api/api-server.ts';
import { ClientShares, clusterPhase, configMapsPhase, loadPhase, startPhase, type PhaseOptions } from './api/phases.ts';
import {
  etcdRow,
  figuresOf,
  formatRows,
  listRows,
  loadRows,
  memoryRow,
  plainRow,
  startRow,
  watchRows,
} from './api/rows.ts';
import type { EtcdRow, LoadRow, MemoryRow, Row, StartRow, WatchRow } from './api/rows.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { withTemporaryFolder } from './cleanup.ts';
import type { Figure } from './figures.ts';

const bench = 'api';

const notes = `Notes
- The server is one process: API, all kinds, store-raft with one member that flushes every write, token authentication, TLS,
  admission of namespaces, allocation of service addresses. No controllers, no scheduler, no nodes.
- Clients are a Node process of their own with a connection each, HTTP/1.1 over TLS with keep-alive; each waits for its
  answer before it asks again.
- kube-apiserver is not run here. Its figures are of version 1.28 with etcd (both together), on a quiet machine of two
  cores, by the same loads; RATIO is timonel's median divided by the middle of its range. etcd's puts and node:https's plain
  answers, of this run, tell how the machine compares: what makes it slower makes all of them slower.
- Creates, gets, patches: one request after the other by each client; patches and gets go round 64 objects.
- Watches: all watch one namespace without a selector; each writer replaces an object of its own. Delays are from the
  write's being sent to the event's being read, in the process that does both.
- Server CPU is user and system time of the server process for each operation (of watches: each event delivered).
- Memory is resident memory 3 s after the load. kube-apiserver's last figure is with 3,000 pods and 5,000 nodes.`;

interface Chosen {
  readonly loads: readonly LoadRow[];
  readonly watches: readonly WatchRow[];
  readonly lists: readonly LoadRow[];
  readonly start: StartRow | undefined;
  readonly memory: MemoryRow | undefined;
  readonly plain: LoadRow | undefined;
  readonly etcd: EtcdRow | undefined;
}

function chooseRows(only: readonly string[] | undefined): Chosen {
  const wanted = <R extends Row>(row: R): R | undefined =>
    only === undefined || only.includes(row.name) ? row : undefined;
  const all = <R extends Row>(rows: readonly R[]): R[] => rows.filter((row) => wanted(row) !== undefined);
  return {
    loads: all(loadRows()),
    watches: all(watchRows()),
    lists: all(listRows()),
    start: wanted(startRow()),
    memory: wanted(memoryRow()),
    plain: wanted(plainRow()),
    etcd: wanted(etcdRow()),
  };
}

function rowsOf({ loads, watches, lists, start, memory, plain, etcd }: Chosen): Row[] {
  return [...loads, ...lists, ...watches, start, memory, plain, etcd].filter((row) => row !== undefined);
}

async function measureAll(options: PhaseOptions, chosen: Chosen, shares: ClientShares): Promise<void> {
  const { loads, watches, lists, start, memory, plain, etcd } = chosen;
  const parts: [name: string, isWanted: boolean, work: () => Promise<void>][] = [
    ['start', start !== undefined, async () => start && startPhase(options, start)],
    [
      'loads',
      loads.length + watches.length > 0 || plain !== undefined || etcd !== undefined,
      () => loadPhase(options, { loads, watches, plain, etcd }, shares),
    ],
    ['lists', lists.length > 0 || memory !== undefined, () => clusterPhase(options, { lists, memory }, shares)],
    ['memory', memory !== undefined, async () => memory && configMapsPhase(options, memory)],
  ];
  for (const [name, isWanted, work] of parts) {
    if (!isWanted) continue;
    try {
      await work();
    } catch (error) {
      options.note(`${name} failed: ${String(error)}`);
      options.remark(`${name} failed: ${String(error)}`);
    }
  }
}

async function runBench(options: BenchOptions): Promise<readonly Figure[]> {
  const chosen = chooseRows(options.only);
  if (chosen.etcd !== undefined && etcdMissing !== undefined) throw new Error(etcdMissing);
  if (chosen.etcd !== undefined && spawnSync('h2load', ['--version']).status !== 0) {
    throw new Error('the command h2load is missing: apt-get install -y --no-install-recommends nghttp2-client');
  }
  const remarks: string[] = [];
  const shares = new ClientShares();
  await withTemporaryFolder('timonel-bench-api-', (dir) =>
    withPrograms((programs) =>
      measureAll({ ...options, programs, dir, remark: (line) => remarks.push(line) }, chosen, shares),
    ),
  );
  const rows = rowsOf(chosen);
  if (shares.text !== '') remarks.push(`Busiest client process, of a core: ${shares.text}.`);
  options.print?.(`${formatRows(rows)}\n\n${notes}${remarks.map((line) => `\n- ${line}`).join('')}`);
  return figuresOf(bench, rows);
}

export const api: Bench = {
  name: bench,
  description: "the API server beside kube-apiserver's figures: writes, reads, lists, watches, memory, CPU",
  needsRoot: false,
  defaultRounds: 5,
  rows: rowsOf(chooseRows(undefined)).map(({ name }) => name),
  run: runBench,
};
