/** The parts of the API benchmark, each with a server process of its own. */
import { join } from 'node:path';
import type { BenchOptions } from '../bench.ts';
import { withCleanup } from '../cleanup.ts';
import { EtcdGroup } from '../store/etcd-group.ts';
import type { ApiServer, Measured, Programs } from './api-server.ts';
import { withPlainServer, withServer } from './api-server.ts';
import { sharedObjects } from './objects.ts';
import type { EtcdRow, LoadRow, MemoryRow, StartRow, WatchRow } from './rows.ts';

export interface PhaseOptions extends BenchOptions {
  readonly programs: Programs;
  /** Where data may lie. */
  readonly dir: string;
  /** Takes what is worth knowing below the table. */
  readonly remark: (line: string) => void;
}

/** What client processes used, by what they did. */
export class ClientShares {
  readonly #shares = new Map<string, number>();

  note(name: string, share: number): void {
    this.#shares.set(name, Math.max(share, this.#shares.get(name) ?? 0));
  }

  get text(): string {
    return [...this.#shares].map(([name, share]) => `${name} ${Math.round(share * 100)} %`).join(', ');
  }
}

function take({ name, fields }: LoadRow | WatchRow, measured: Measured, count: number, shares: ClientShares): void {
  fields.perSecond.samples.push(count / measured.seconds);
  fields.p50Ms.samples.push(measured.p50Ms);
  fields.p99Ms.samples.push(measured.p99Ms);
  fields.serverMicrosEach.samples.push(measured.serverMicrosEach);
  shares.note(name, measured.clientCpu);
}

/** A measurement that fails leaves the row without this sample, and the others go on. */
async function attempt(options: PhaseOptions, name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    options.note(`"${name}" failed: ${String(error)}`);
    options.remark(`"${name}" failed: ${String(error)}`);
  }
}

async function etcdPuts(dir: string, row: EtcdRow): Promise<void> {
  let starting: Promise<EtcdGroup> | undefined;
  await withCleanup(
    async () => (await starting?.catch(() => undefined))?.stop(),
    async () => {
      starting = EtcdGroup.start({ dir, size: 1 });
      const etcd = await starting;
      const load = { operation: 'put', clients: 64, valueBytes: 1024 } as const;
      await etcd.load({ ...load, requests: 3_000 });
      const requests = 12_000;
      row.perSecond.samples.push(requests / (await etcd.load({ ...load, requests })).seconds);
    },
  );
}

export interface LoadPhase {
  readonly loads: readonly LoadRow[];
  /** Measured in every round beside the loads, so that both meet the same noise. */
  readonly plain: LoadRow | undefined;
  readonly watches: readonly WatchRow[];
  readonly etcd: EtcdRow | undefined;
}

export async function loadPhase(options: PhaseOptions, phase: LoadPhase, shares: ClientShares): Promise<void> {
  const { loads, watches, plain, etcd } = phase;
  const { programs, rounds, note } = options;
  const dataDir = join(options.dir, 'loads');
  if (loads.length + watches.length > 0 || plain !== undefined) {
    await withServer(programs, dataDir, async (server) => {
      await server.load({ operation: 'create', clients: 64, requests: 4_000, prefix: 'warm-up-' });
      await server.load({ operation: 'create', clients: 8, requests: sharedObjects, prefix: 'shared-' });
      for (let round = 1; round <= rounds; round++) {
        for (const row of loads) await attempt(options, row.name, () => measureLoad(server, row, round, shares));
        if (plain !== undefined)
          await attempt(options, plain.name, () => measurePlain(options, dataDir, plain, shares));
        for (const row of watches) await attempt(options, row.name, () => measureWatch(server, row, round, shares));
        note(`loads: round ${round} of ${rounds}`);
      }
    });
  }
  if (etcd === undefined) return;
  for (let round = 1; round <= rounds; round++) await attempt(options, etcd.name, () => etcdPuts(options.dir, etcd));
}

async function measurePlain(options: PhaseOptions, dataDir: string, row: LoadRow, shares: ClientShares): Promise<void> {
  await withPlainServer(options.programs, dataDir, async (server) => {
    await server.load({ ...row.load, requests: 3_000, prefix: '' });
    take(row, await server.load({ ...row.load, prefix: '' }), row.load.requests, shares);
  });
}

async function measureLoad(server: ApiServer, row: LoadRow, round: number, shares: ClientShares): Promise<void> {
  const { clients, operation, requests } = row.load;
  const prefix = operation === 'create' ? `made-${clients}-${round}-` : 'shared-';
  take(row, await server.load({ ...row.load, prefix }), requests, shares);
}

async function measureWatch(server: ApiServer, row: WatchRow, round: number, shares: ClientShares): Promise<void> {
  const { watchers, updates, writers } = row.watch;
  const prefix = `watched-${writers}-${round}-`;
  take(row, await server.watch({ ...row.watch, prefix }), watchers * updates, shares);
}

const quietMs = 3_000;

/** After what a load leaves behind is done: events delivered, files flushed. */
async function residentLater(server: ApiServer): Promise<number> {
  await new Promise((resolve) => {
    setTimeout(resolve, quietMs);
  });
  return server.residentMB;
}

export interface ClusterPhase {
  readonly lists: readonly LoadRow[];
  readonly memory: MemoryRow | undefined;
}

/** 5,000 pods and 1,000 nodes: memory once, lists in every round. */
export async function clusterPhase(options: PhaseOptions, { lists, memory }: ClusterPhase, shares: ClientShares) {
  await withServer(options.programs, join(options.dir, 'cluster'), async (server) => {
    if (memory !== undefined) memory.idle.samples.push(await residentLater(server));
    await server.load({ operation: 'createNodes', clients: 16, requests: 1_000, prefix: 'node-' });
    await server.load({ operation: 'createPods', clients: 16, requests: 5_000, prefix: 'pod-5d59d67564-' });
    if (memory !== undefined) memory.cluster.samples.push(await residentLater(server));
    for (let round = 1; round <= options.rounds; round++) {
      for (const row of lists) {
        await attempt(options, row.name, async () => {
          const measured = await server.load({ ...row.load, prefix: '' });
          take(row, measured, row.load.requests, shares);
          if (round === options.rounds) options.remark(`"${row.name}" is ${(measured.bytes / 1e6).toFixed(1)} MB.`);
        });
      }
    }
    options.note('5,000 pods and 1,000 nodes: done');
  });
}

export async function configMapsPhase(options: PhaseOptions, memory: MemoryRow): Promise<void> {
  await withServer(options.programs, join(options.dir, 'config-maps'), async (server) => {
    await server.load({ operation: 'create', clients: 64, requests: 22_000, prefix: 'made-' });
    memory.configMaps.samples.push(await residentLater(server));
    options.note('22,000 ConfigMaps: done');
  });
}

export async function startPhase(options: PhaseOptions, row: StartRow): Promise<void> {
  for (let round = 1; round <= options.rounds; round++) {
    const dir = join(options.dir, `start-${round}`);
    row.ready.samples.push(await withServer(options.programs, dir, ({ readyMs }) => Promise.resolve(readyMs)));
  }
  options.note('start: done');
}
