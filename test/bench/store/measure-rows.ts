/** Fills the rows of loads, round by round. */
import type { BenchOptions } from '../bench.ts';
import { cpuMicros } from './process-usage.ts';
import { oursName, watching, type LoadRow, type Sample } from './rows.ts';
import type { LoadResult, StoreGroup } from './store-group.ts';

export interface Pair {
  readonly ours: StoreGroup;
  readonly etcd: StoreGroup;
}

/** What went wrong or is worth knowing, printed below the table. */
export class Remarks {
  readonly lines: string[] = [];
  #busiestClient = 0;

  add(line: string): void {
    this.lines.push(line);
  }

  /** A client process of ours used this share of a core. */
  clientUsed(share: number): void {
    this.#busiestClient = Math.max(this.#busiestClient, share);
  }

  get busiestClient(): number {
    return this.#busiestClient;
  }
}

const tries = 3;

/** One measurement: throughput, latencies, and the CPU of all servers for each operation. */
async function sampleOf(group: StoreGroup, { load }: LoadRow, remarks: Remarks): Promise<Sample> {
  const count = load === undefined ? watching.watchers * watching.updates : load.requests;
  const before = cpuMicros(group.pids);
  const result: LoadResult = load === undefined ? await group.watch(watching) : await group.load(load);
  const cpuMicrosEach = (cpuMicros(group.pids) - before) / count;
  if (result.clientCpu !== undefined) remarks.clientUsed(result.clientCpu);
  return { perSecond: count / result.seconds, p50Ms: result.p50Ms, p99Ms: result.p99Ms, cpuMicrosEach };
}

/** As long as one member leads: a change of leaders in between is another measurement. */
async function sampleOfOneLeader(group: StoreGroup, row: LoadRow, remarks: Remarks): Promise<Sample> {
  for (let attempt = 1; ; attempt++) {
    const leader = await group.leader();
    let sample: Sample | undefined;
    let failure: unknown;
    try {
      sample = await sampleOf(group, row, remarks);
    } catch (error) {
      failure = error;
    }
    const moved = (await group.leader()) !== leader;
    if (sample !== undefined && !moved) return sample;
    if (moved) remarks.add(`${group.name} changed its leader during "${row.name}"`);
    if (!moved || attempt === tries) throw failure ?? new Error(`the leader changed ${tries} times`);
  }
}

/** A measurement that fails leaves the row without this sample, and the others go on. */
async function measure(group: StoreGroup, row: LoadRow, remarks: Remarks): Promise<void> {
  try {
    const sample = await sampleOfOneLeader(group, row, remarks);
    for (const [field, { ours, etcd }] of Object.entries(row.fields)) {
      (group.name === oursName ? ours : etcd).push(sample[field as keyof Sample]);
    }
  } catch (error) {
    remarks.add(`${group.name} failed in "${row.name}": ${String(error)}`);
  }
}

/** A process that compiles as it runs has done so after this; so has a client, early in a load. */
const warmUp = { operation: 'put', clients: 64, requests: 30_000, valueBytes: 256 } as const;

export async function measureRows(
  { ours, etcd }: Pair,
  rows: readonly LoadRow[],
  { rounds, note }: BenchOptions,
  remarks: Remarks,
): Promise<void> {
  if (rows.length === 0) return;
  for (const group of [ours, etcd]) await group.load(warmUp);
  for (let round = 1; round <= rounds; round++) {
    // In turns, and who is first alternates: a noisy moment must not always meet the same one.
    const turn = round % 2 === 1 ? [ours, etcd] : [etcd, ours];
    for (const row of rows) for (const group of turn) await measure(group, row, remarks);
    note(`${rows[0]?.name.split(':')[0]}: round ${round} of ${rounds}`);
  }
}
