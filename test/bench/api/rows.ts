/** The rows of the table, what kube-apiserver needs for them, and what is wanted. */
import { median, type Figure } from '../figures.ts';
import type { Operation } from './client.ts';

export type Wanted = { readonly atLeast: number } | { readonly atMost: number };

/**
 * kube-apiserver 1.28 with etcd, together, measured once on a quiet machine of two cores with the same loads: TLS, keep-alive,
 * a client process of its own. A range stands for several runs.
 */
type Reference = readonly [least: number, most: number];

export interface Measure {
  readonly name: string;
  readonly unit: Figure['unit'];
  readonly reference: Reference | undefined;
  readonly wanted: Wanted | undefined;
  readonly samples: number[];
}

export interface Row {
  readonly name: string;
  readonly measures: readonly Measure[];
}

interface Facts {
  readonly reference?: Reference | number;
  readonly wanted?: Wanted;
}

function measure(name: string, unit: Measure['unit'], { reference, wanted }: Facts = {}): Measure {
  return {
    name,
    unit,
    reference: typeof reference === 'number' ? [reference, reference] : reference,
    wanted,
    samples: [],
  };
}

export interface LoadRow extends Row {
  readonly load: { readonly operation: Operation; readonly clients: number; readonly requests: number };
  readonly fields: {
    readonly perSecond: Measure;
    readonly p50Ms: Measure;
    readonly p99Ms: Measure;
    readonly serverMicrosEach: Measure;
  };
}

function loadRow(
  name: string,
  load: LoadRow['load'],
  facts: { readonly [K in keyof LoadRow['fields']]?: Facts } = {},
): LoadRow {
  const fields = {
    perSecond: measure('throughput', '1/s', facts.perSecond),
    p50Ms: measure('latency p50', 'ms', facts.p50Ms),
    p99Ms: measure('latency p99', 'ms', facts.p99Ms),
    serverMicrosEach: measure('server CPU each', 'µs', facts.serverMicrosEach),
  };
  return { name, load, fields, measures: Object.values(fields) };
}

export const loadRows = (): LoadRow[] => [
  loadRow(
    'create a ConfigMap of 1 KiB, 1 client',
    { operation: 'create', clients: 1, requests: 1_500 },
    { perSecond: { reference: [440, 480] } },
  ),
  loadRow(
    'create, 16 clients',
    { operation: 'create', clients: 16, requests: 6_000 },
    { perSecond: { reference: [1_270, 1_670] } },
  ),
  loadRow(
    'create, 64 clients',
    { operation: 'create', clients: 64, requests: 12_000 },
    {
      perSecond: { reference: [1_630, 1_770], wanted: { atLeast: 6_800 } },
      p99Ms: { reference: 90, wanted: { atMost: 22 } },
      serverMicrosEach: { reference: 950, wanted: { atMost: 240 } },
    },
  ),
  loadRow(
    'get, 64 clients',
    { operation: 'get', clients: 64, requests: 30_000 },
    {
      perSecond: { reference: [3_640, 4_000], wanted: { atLeast: 15_000 } },
      p99Ms: { reference: [44, 51] },
      serverMicrosEach: { reference: 400, wanted: { atMost: 100 } },
    },
  ),
  loadRow(
    'patch (merge), 64 clients, an object each',
    { operation: 'patch', clients: 64, requests: 12_000 },
    { perSecond: { wanted: { atLeast: 6_800 } } },
  ),
];

export const listRows = (): LoadRow[] => [
  loadRow(
    'list 5,000 pods, linearizable',
    { operation: 'list', clients: 1, requests: 20 },
    { p50Ms: { reference: [133, 271], wanted: { atMost: 20 } } },
  ),
  loadRow(
    'list 5,000 pods, resourceVersion=0',
    { operation: 'listCached', clients: 1, requests: 20 },
    { p50Ms: { reference: [92, 115], wanted: { atMost: 10 } } },
  ),
];

export interface WatchRow extends Row {
  readonly watch: { readonly watchers: number; readonly updates: number; readonly writers: number };
  readonly fields: LoadRow['fields'];
}

function watchRow(writers: number, facts: { readonly [K in keyof LoadRow['fields']]?: Facts }): WatchRow {
  const fields = {
    perSecond: measure('events delivered', '1/s', facts.perSecond),
    p50Ms: measure('delay p50', 'ms', facts.p50Ms),
    p99Ms: measure('delay p99', 'ms', facts.p99Ms),
    serverMicrosEach: measure('server CPU each', 'µs', facts.serverMicrosEach),
  };
  const name = `watch: 100 watchers × 1,000 updates, ${writers} ${writers === 1 ? 'writer' : 'writers'}`;
  return { name, watch: { watchers: 100, updates: 1_000, writers }, fields, measures: Object.values(fields) };
}

export const watchRows = (): WatchRow[] => [
  watchRow(1, {
    perSecond: { reference: 16_400, wanted: { atLeast: 82_000 } },
    p50Ms: { reference: 8.2 },
    p99Ms: { reference: 26 },
  }),
  watchRow(16, { perSecond: { reference: 24_900 } }),
];

export interface StartRow extends Row {
  readonly ready: Measure;
}

export function startRow(): StartRow {
  const ready = measure('exec to ready', 'ms', { reference: [2_500, 2_900] });
  return { name: 'start', ready, measures: [ready] };
}

export interface MemoryRow extends Row {
  readonly idle: Measure;
  readonly configMaps: Measure;
  readonly cluster: Measure;
}

export function memoryRow(): MemoryRow {
  const idle = measure('idle', 'MB', { reference: 43 + 235 });
  const configMaps = measure('after 22,000 ConfigMaps', 'MB', { reference: 129 + 538 });
  // kube-apiserver had 3,000 pods and 5,000 nodes.
  const cluster = measure('with 5,000 pods, 1,000 nodes', 'MB', { reference: 262 + 909, wanted: { atMost: 390 } });
  return { name: 'resident memory', idle, configMaps, cluster, measures: [idle, configMaps, cluster] };
}

/** What Node's HTTPS server alone is good for on the machine at the moment. */
export function plainRow(): LoadRow {
  return loadRow('the same 1.2 KB to every get, by node:https alone, 64 clients', {
    operation: 'get',
    clients: 64,
    requests: 20_000,
  });
}

export interface EtcdRow extends Row {
  readonly perSecond: Measure;
}

/** What the machine and its disk are good for at the moment. */
export function etcdRow(): EtcdRow {
  const perSecond = measure('throughput', '1/s');
  return { name: "puts of 1 KiB into Debian's etcd by h2load, 64 clients", perSecond, measures: [perSecond] };
}

function isMet({ wanted, samples }: Measure): boolean {
  if (wanted === undefined) return true;
  // What was not measured is not met.
  const value = median(samples);
  return 'atLeast' in wanted ? value >= wanted.atLeast : value <= wanted.atMost;
}

function wantedText({ wanted, unit }: Measure): string {
  if (wanted === undefined) return '';
  return 'atLeast' in wanted
    ? `≥ ${wanted.atLeast.toLocaleString('en')} ${unit}`
    : `≤ ${wanted.atMost.toLocaleString('en')} ${unit}`;
}

function amount(value: number): string {
  if (Number.isNaN(value)) return '-';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

function referenceText({ reference }: Measure): string {
  if (reference === undefined) return '';
  const [least, most] = reference;
  return least === most ? amount(least) : `${amount(least)}–${amount(most)}`;
}

function cellsOf(row: Row, measured: Measure, at: number): string[] {
  const { reference, samples, unit } = measured;
  const value = median(samples);
  const ratio = reference === undefined ? Number.NaN : value / ((reference[0] + reference[1]) / 2);
  return [
    at === 0 ? row.name : '',
    `${measured.name}, ${unit}`,
    amount(value),
    referenceText(measured),
    Number.isNaN(ratio) ? '' : `${ratio.toFixed(2)}×`,
    wantedText(measured),
    measured.wanted === undefined ? '' : isMet(measured) ? 'ok' : 'MISS',
  ];
}

const leftColumns: ReadonlySet<number> = new Set([0, 1, 6]);

/** Medians of all rounds beside kube-apiserver's figures, and whether they are what is wanted. */
export function formatRows(rows: readonly Row[]): string {
  const header = ['', 'MEDIAN OF', 'timonel', 'kube-apiserver', 'RATIO', 'WANTED', 'RESULT'];
  const lines = rows.flatMap((row) => row.measures.map((each, at) => cellsOf(row, each, at)));
  const widths = header.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const pad = (cell: string, at: number): string =>
    leftColumns.has(at) ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return [header, ...lines].map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

/** For the JSON: every sample, and the verdict. */
export function figuresOf(bench: string, rows: readonly Row[]): Figure[] {
  return rows.flatMap(({ name, measures }) =>
    measures.map((each): Figure => {
      const { unit, wanted, samples } = each;
      const verdict = wanted === undefined ? {} : { verdict: { wanted: wantedText(each), met: isMet(each) } };
      return { bench, name: `${name}, ${each.name}`, unit, printed: true, samples, ...verdict };
    }),
  );
}
