/** The rows of the table, and what is wanted in them. */
import type { Load, Watching } from './store-group.ts';
import { newMeasure, type Measure, type Row, type Wanted } from './table.ts';

export const oursName = 'store-raft';
export const rangeKeys = 1_000;
export const restartKeys = 1_000_000;
export const restartValueBytes = 256;
export const watching: Watching = { watchers: 100, updates: 1_000, inFlight: 16, valueBytes: 256 };

/** Of one measurement under load. */
export interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicrosEach: number;
}

/** A row that is measured once a round, each time with these fields. */
export interface LoadRow extends Row {
  /** Undefined: the watch. */
  readonly load: Load | undefined;
  readonly fields: Readonly<Record<keyof Sample, Measure>>;
}

function loadRow(name: string, load: Load | undefined, wanted: { readonly [K in keyof Sample]?: Wanted }): LoadRow {
  const fields = {
    perSecond: newMeasure(load === undefined ? 'events delivered' : 'throughput', '1/s', wanted.perSecond),
    p50Ms: newMeasure(load === undefined ? 'delay p50' : 'latency p50', 'ms', wanted.p50Ms),
    p99Ms: newMeasure(load === undefined ? 'delay p99' : 'latency p99', 'ms', wanted.p99Ms),
    cpuMicrosEach: newMeasure('server CPU each', 'µs', wanted.cpuMicrosEach),
  };
  return { name, load, fields, measures: Object.values(fields) };
}

const faster: Wanted = { ratioAtLeast: 1.5 };
const notSlower: Wanted = { ratioAtMost: 1 };
const cheaper: Wanted = { ratioAtMost: 0.6 };

function putRow(members: string, requests: number, clients: number, size: string, valueBytes: number): LoadRow {
  const latency = clients === 64 ? { p50Ms: notSlower, p99Ms: notSlower } : {};
  return loadRow(
    `${members}: put ${size}, ${clients} clients`,
    { operation: 'put', clients, requests, valueBytes },
    { perSecond: faster, cpuMicrosEach: cheaper, ...latency },
  );
}

function putRows(members: string, requests: number): LoadRow[] {
  return [
    putRow(members, requests, 64, '256 B', 256),
    putRow(members, requests, 256, '256 B', 256),
    putRow(members, requests, 64, '1 KiB', 1024),
    putRow(members, requests, 256, '1 KiB', 1024),
  ];
}

export function oneMemberRows(): LoadRow[] {
  const name = '1 member';
  const gets = { clients: 64, requests: 100_000 };
  return [
    ...putRows(name, 60_000),
    loadRow(
      `${name}: put 256 B, 1 client`,
      { operation: 'put', clients: 1, requests: 8_000, valueBytes: 256 },
      { p50Ms: notSlower, p99Ms: notSlower },
    ),
    loadRow(`${name}: linearizable get, 64 clients`, { operation: 'get', ...gets }, { perSecond: faster }),
    loadRow(`${name}: serializable get, 64 clients`, { operation: 'getSerializable', ...gets }, { perSecond: faster }),
    loadRow(
      `${name}: range of ${rangeKeys} keys, 8 clients`,
      { operation: 'range', clients: 8, requests: 4_000 },
      { perSecond: faster },
    ),
    loadRow(`${name}: watch, ${watching.watchers} watchers × ${watching.updates} updates`, undefined, {
      perSecond: faster,
      p99Ms: notSlower,
    }),
  ];
}

export const threeMemberRows = (): LoadRow[] => putRows('3 members', 40_000);

export interface FailOverRows {
  readonly sameTiming: Row & { readonly gap: Measure };
  readonly defaultTiming: Row & { readonly gap: Measure };
}

export function failOverRows(): FailOverRows {
  const row = (name: string, wanted: Wanted): Row & { readonly gap: Measure } => {
    const gap = newMeasure('longest gap', 'ms', wanted);
    return { name: `fail-over: ${name}`, gap, measures: [gap] };
  };
  return {
    sameTiming: row("etcd's default timing", notSlower),
    defaultTiming: row('default timing of each', { atMost: 500 }),
  };
}

export interface RestartRow extends Row {
  readonly ready: Measure;
  readonly memory: Measure;
}

export function restartRow(): RestartRow {
  const ready = newMeasure('exec to first get', 'ms', notSlower);
  const memory = newMeasure('resident then', 'MB');
  const name = `restart: ${restartKeys.toLocaleString('en')} keys of ${restartValueBytes} B`;
  return { name, ready, memory, measures: [ready, memory] };
}

export interface MemoryRow extends Row {
  readonly idle: Measure;
  readonly loaded: Measure;
}

export function memoryRow(): MemoryRow {
  const idle = newMeasure('idle', 'MB');
  const loaded = newMeasure('after the rows above', 'MB');
  return { name: '1 member: resident memory', idle, loaded, measures: [idle, loaded] };
}
