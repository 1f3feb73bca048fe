/** The parts of the store benchmark, each with processes of its own. */
import { join } from 'node:path';
import type { BenchOptions } from '../bench.ts';
import { withCleanup } from '../cleanup.ts';
import { EtcdGroup, type EtcdGroupOptions } from './etcd-group.ts';
import { failOverGap } from './fail-over.ts';
import { measureRows, type Pair, type Remarks } from './measure-rows.ts';
import { OurGroup, type OurGroupOptions } from './our-group.ts';
import { residentMB } from './process-usage.ts';
import type { Programs } from './programs.ts';
import { restartTime } from './restart.ts';
import {
  oursName,
  rangeKeys,
  restartKeys,
  restartValueBytes,
  type FailOverRows,
  type LoadRow,
  type MemoryRow,
  type RestartRow,
} from './rows.ts';
import { rangePrefix, type StoreGroup } from './store-group.ts';
import type { Measure } from './table.ts';

export interface PhaseOptions extends BenchOptions {
  readonly programs: Programs;
  /** Where data may lie. */
  readonly dir: string;
  readonly remarks: Remarks;
}

async function withOurs<T>(options: OurGroupOptions, work: (group: OurGroup) => Promise<T>): Promise<T> {
  const group = await OurGroup.make(options);
  return withCleanup(
    () => group.stop(),
    async () => {
      await group.begin();
      return work(group);
    },
  );
}

async function withEtcd<T>(options: EtcdGroupOptions, work: (group: EtcdGroup) => Promise<T>): Promise<T> {
  let starting: Promise<EtcdGroup> | undefined;
  return withCleanup(
    async () => (await starting?.catch(() => undefined))?.stop(),
    async () => {
      starting = EtcdGroup.start(options);
      return work(await starting);
    },
  );
}

async function withPair<T>(
  { programs, dir }: PhaseOptions,
  { name, size, flags }: { readonly name: string; readonly size: number; readonly flags?: readonly string[] },
  work: (pair: Pair) => Promise<T>,
): Promise<T> {
  return withEtcd({ dir, size, ...(flags === undefined ? {} : { flags }) }, (etcd) =>
    withOurs({ plugin: oursName, programs, dir: join(dir, name), size }, (ours) => work({ ours, etcd })),
  );
}

const both = ({ ours, etcd }: Pair): StoreGroup[] => [ours, etcd];

function note(measure: Measure, group: StoreGroup, value: number): void {
  (group.name === oursName ? measure.ours : measure.etcd).push(value);
}

export async function oneMember(options: PhaseOptions, rows: readonly LoadRow[], memory: MemoryRow): Promise<void> {
  await withPair(options, { name: 'one', size: 1 }, async (pair) => {
    for (const group of both(pair)) note(memory.idle, group, residentMB(group.pids));
    for (const group of both(pair)) await group.fill(rangePrefix, rangeKeys, 256);
    await measureRows(pair, rows, options, options.remarks);
    for (const group of both(pair)) note(memory.loaded, group, residentMB(group.pids));
  });
}

/** etcd's default: heartbeats each 100 ms, an election after 1 s to 2 s without. In finer ticks than etcd's. */
const etcdTiming = { timing: { tickMs: 20, heartbeatTicks: 5, electionTicks: 50 } };

export interface ThreeMemberRows {
  readonly loads: readonly LoadRow[];
  readonly failOver: FailOverRows | undefined;
}

export async function threeMembers(options: PhaseOptions, { loads, failOver }: ThreeMemberRows): Promise<void> {
  await withPair(options, { name: 'three', size: 3 }, async (pair) => {
    await measureRows(pair, loads, options, options.remarks);
    if (failOver !== undefined) await measureFailOver(options, pair, failOver);
  });
}

async function measureFailOver(options: PhaseOptions, pair: Pair, { sameTiming, defaultTiming }: FailOverRows) {
  const { programs, dir, rounds } = options;
  const slower = { plugin: oursName, programs, dir: join(dir, 'three-slower'), size: 3, config: etcdTiming };
  await withOurs(slower, async (slowOurs) => {
    for (let round = 1; round <= rounds; round++) {
      const ofEtcd = await failOverGap(pair.etcd);
      sameTiming.gap.etcd.push(ofEtcd);
      defaultTiming.gap.etcd.push(ofEtcd);
      sameTiming.gap.ours.push(await failOverGap(slowOurs));
      defaultTiming.gap.ours.push(await failOverGap(pair.ours));
      options.note(`fail-over: round ${round} of ${rounds}`);
    }
  });
}

const restartPrefix = 'key/';
const restartsAtMost = 3;
/**
 * The fill comes in txns of many puts. etcd takes a snapshot after 100,000 entries by default: the same number of keys is
 * in 196 of these txns, so that a restart has as much of the log to read as if each key had come in an entry of its own.
 */
const restartFlags = ['--snapshot-count=196'];

export async function restart(options: PhaseOptions, row: RestartRow): Promise<void> {
  await withPair(options, { name: 'restart', size: 1, flags: restartFlags }, async (pair) => {
    for (const group of both(pair)) {
      const began = performance.now();
      await group.fill(restartPrefix, restartKeys, restartValueBytes);
      options.note(`restart: ${group.name} holds the keys after ${Math.round((performance.now() - began) / 1000)} s`);
    }
    for (let round = 1; round <= Math.min(options.rounds, restartsAtMost); round++) {
      for (const group of both(pair)) {
        note(row.ready, group, await restartTime(group, restartPrefix));
        note(row.memory, group, residentMB(group.pids));
      }
      options.note(`restart: ${round} of ${Math.min(options.rounds, restartsAtMost)}`);
    }
  });
}
