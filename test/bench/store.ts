import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeRange } from '../../plugins/store-etcd/src/wire/messages.ts';
import { MessageWriter } from '../../plugins/store-etcd/src/wire/protobuf.ts';
import { etcdMissing, startEtcd } from '../support/etcd.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { withCleanup } from './cleanup.ts';
import type { Figure } from './figures.ts';
import { h2load, type LoadResult } from './store/h2load.ts';
import type { LoadOptions } from './store/client.ts';
import type { OperationName } from './store/protocol.ts';
import { formatRows, type Row, type Sample } from './store/table.ts';
import type { WatchOptions } from './store/watchers.ts';

const run = promisify(execFile);
const plugin = 'store-raft';
const rangeKeys = 1_000;
const rangePrefix = 'range/';
/** What saturates etcd best with h2load: one connection, and one for each client, were slower. */
const connectionsAtMost = 8;

interface Load {
  readonly name: string;
  readonly operation: OperationName;
  readonly clients: number;
  readonly requests: number;
  readonly valueBytes?: number;
}

const loads: readonly Load[] = [
  { name: 'put 256 B, 64 clients', operation: 'put', clients: 64, requests: 20_000, valueBytes: 256 },
  { name: 'put 256 B, 256 clients', operation: 'put', clients: 256, requests: 20_000, valueBytes: 256 },
  { name: 'put 1 KiB, 64 clients', operation: 'put', clients: 64, requests: 20_000, valueBytes: 1024 },
  { name: 'put 1 KiB, 256 clients', operation: 'put', clients: 256, requests: 20_000, valueBytes: 1024 },
  { name: 'put 256 B, 1 client', operation: 'put', clients: 1, requests: 1_500, valueBytes: 256 },
  { name: 'linearizable get, 64 clients', operation: 'get', clients: 64, requests: 30_000 },
  { name: 'serializable get, 64 clients', operation: 'getSerializable', clients: 64, requests: 30_000 },
  { name: `range of ${rangeKeys} keys, 8 clients`, operation: 'range', clients: 8, requests: 1_500 },
];
const watching = { watchers: 100, updates: 1_000, inFlight: 16, valueBytes: 256 };

/** One of the two that are compared. */
interface Subject {
  readonly pid: number;
  load(load: Load): Promise<LoadResult>;
  watch(): Promise<LoadResult>;
}

/** User and system time that a process has used, in µs. Its clock ticks are 10 ms everywhere on Linux. */
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const program = (file: string): string[] => ['--import', 'tsx', join(import.meta.dirname, 'store', file)];

async function runProgram(file: string, options: LoadOptions | WatchOptions): Promise<LoadResult> {
  const { stdout } = await run(process.execPath, [...program(file), JSON.stringify(options)]);
  return JSON.parse(stdout) as LoadResult;
}

async function serveOurs(dataDir: string): Promise<{ child: ChildProcess; subject: Subject }> {
  const child = spawn(process.execPath, [...program('server.ts'), plugin, dataDir, `${rangeKeys}`, rangePrefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null || child.pid === undefined) throw new Error('the server did not start');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  const load = (options: Load): Promise<LoadResult> =>
    runProgram('client.ts', {
      port,
      operation: options.operation,
      key: options.operation === 'range' ? rangePrefix : 'key',
      valueBytes: options.valueBytes ?? 0,
      connections: Math.min(options.clients, connectionsAtMost),
      clients: options.clients,
      requests: options.requests,
    });
  return { child, subject: { pid: child.pid, load, watch: () => runProgram('watchers.ts', { ...watching, port }) } };
}

const putMethod = '/etcdserverpb.KV/Put';
const rangeMethod = '/etcdserverpb.KV/Range';

function etcdMessage({ operation, valueBytes = 0 }: Load): { method: string; message: Uint8Array } {
  const key = Buffer.from('key');
  if (operation === 'put') {
    const message = new MessageWriter().bytes(1, key).bytes(2, Buffer.alloc(valueBytes, 'v')).finish();
    return { method: putMethod, message };
  }
  const rangeEnd = Buffer.from(`${rangePrefix.slice(0, -1)}0`);
  const request =
    operation === 'range'
      ? { key: Buffer.from(rangePrefix), rangeEnd }
      : { key, serializable: operation === 'getSerializable' };
  return { method: rangeMethod, message: encodeRange(request) };
}

/** etcd's revision, by its JSON gateway. */
async function revisionOf(endpoint: string): Promise<number> {
  const response = await fetch(`${endpoint}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key: 'AA==' }) });
  const { header } = (await response.json()) as { header: { revision: string } };
  return Number(header.revision);
}

function etcdSubject(pid: number, endpoint: string, dir: string): Subject {
  return {
    pid,
    async load(load) {
      const { operation, clients, requests } = load;
      const connections = Math.min(clients, connectionsAtMost);
      const before = await revisionOf(endpoint);
      const result = await h2load({ endpoint, ...etcdMessage(load), connections, clients, requests, dir });
      // h2load looks at the HTTP status only, which is 200 for a refused put as well.
      const done = (await revisionOf(endpoint)) - before;
      if (done !== (operation === 'put' ? requests : 0)) throw new Error(`etcd did ${done} of ${requests} puts`);
      return result;
    },
    watch: () => runProgram('watchers.ts', { ...watching, etcd: endpoint }),
  };
}

/** The keys that are ranged over, by etcd's JSON gateway. */
async function fillEtcd(endpoint: string): Promise<void> {
  const value = Buffer.alloc(256, 'v').toString('base64');
  for (let at = 0; at < rangeKeys; at++) {
    const key = Buffer.from(`${rangePrefix}${String(at).padStart(4, '0')}`).toString('base64');
    const response = await fetch(`${endpoint}/v3/kv/put`, { method: 'POST', body: JSON.stringify({ key, value }) });
    if (!response.ok) throw new Error(`etcd answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }
}

/** One measurement: throughput, latencies, and the server's CPU for each operation. */
async function sample(subject: Subject, count: number, work: () => Promise<LoadResult>): Promise<Sample> {
  const before = cpuMicros(subject.pid);
  const result = await work();
  const cpuMicrosEach = (cpuMicros(subject.pid) - before) / count;
  return { perSecond: count / result.seconds, p50Ms: result.p50Ms, p99Ms: result.p99Ms, cpuMicrosEach };
}

async function compare(ours: Subject, etcd: Subject, { rounds, note }: BenchOptions): Promise<Row[]> {
  const rows: Row[] = [
    ...loads.map((load): Row => ({ name: load.name, ours: [], etcd: [] })),
    { name: `watch: ${watching.watchers} watchers × ${watching.updates} updates`, ours: [], etcd: [] },
  ];
  const events = watching.watchers * watching.updates;
  for (let round = 1; round <= rounds; round++) {
    for (const [at, row] of rows.entries()) {
      const load = loads[at];
      const measure = (subject: Subject): Promise<Sample> =>
        load === undefined
          ? sample(subject, events, () => subject.watch())
          : sample(subject, load.requests, () => subject.load(load));
      // In turns, and who is first alternates: a noisy moment must not always meet the same one.
      if (round % 2 === 1) row.ours.push(await measure(ours));
      row.etcd.push(await measure(etcd));
      if (round % 2 === 0) row.ours.push(await measure(ours));
    }
    note(`round ${round} of ${rounds}`);
  }
  return rows;
}

const notes = `Notes
- One member each, on the same disk, both in a process of their own and driven over loopback TCP by a client process.
- etcd is loaded by h2load (C) with gRPC puts and ranges, at most ${connectionsAtMost} connections, which was its best number. Ours serves
  the store contract by length-prefixed binary frames to a client in Node with as many connections. gRPC's own cost is
  thus on etcd's side and not on ours, and the slower client (Node) on ours.
- All puts and gets of a row use one key. Clients wait for an answer before they ask again.
- The watch row counts delivered events; etcd's watches share one stream, as its own client does it; both watch clients
  are in Node. Its latencies are from put to delivery.
- CPU is user and system time of the server for each operation, with its flushing and compaction.`;

async function runBench(options: BenchOptions): Promise<readonly Figure[]> {
  if (etcdMissing !== undefined) throw new Error(etcdMissing);
  const dir = await mkdtemp(join(tmpdir(), 'timonel-bench-store-'));
  return withCleanup(
    () => rm(dir, { recursive: true, force: true }),
    async () => {
      const cluster = await startEtcd({ parentDir: dir });
      return withCleanup(
        () => cluster.stop(),
        async () => {
          await fillEtcd(cluster.first.endpoint);
          const { child, subject } = await serveOurs(dir);
          const exited = once(child, 'exit');
          return withCleanup(
            async () => {
              child.kill('SIGKILL');
              await exited;
            },
            async () => {
              const rows = await compare(subject, etcdSubject(cluster.first.pid, cluster.first.endpoint, dir), options);
              options.print?.(`${formatRows(rows, plugin)}\n\n${notes}`);
              return rows.flatMap((row) => figuresOf(row));
            },
          );
        },
      );
    },
  );
}

/** For the JSON: every sample. */
function figuresOf({ name, ours, etcd }: Row): Figure[] {
  const figures = (who: string, samples: readonly Sample[]): Figure[] => [
    { bench: 'store', name: `${who}: ${name}`, unit: '1/s', samples: samples.map((each) => each.perSecond) },
    { bench: 'store', name: `${who}: ${name}, p50`, unit: 'ms', samples: samples.map((each) => each.p50Ms) },
    { bench: 'store', name: `${who}: ${name}, p99`, unit: 'ms', samples: samples.map((each) => each.p99Ms) },
    { bench: 'store', name: `${who}: ${name}, CPU`, unit: 'µs', samples: samples.map((each) => each.cpuMicrosEach) },
  ];
  return [...figures(plugin, ours), ...figures('etcd', etcd)];
}

export const store: Bench = {
  name: 'store',
  description: `${plugin} beside Debian's etcd: puts, gets, ranges, watches (needs etcd-server, nghttp2-client)`,
  needsRoot: false,
  defaultRounds: 5,
  run: runBench,
};
