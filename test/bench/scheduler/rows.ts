/** The rows of the benchmark: a workload, how it is run, by which scheduler, and what is wanted of it. */
import { join } from 'node:path';
import { median, type Figure } from '../figures.ts';
import type { Utilisation } from './utilisation.ts';
import type { WorkloadName } from './workload/find-workload.ts';
import { readWorkloads } from './workload/read-workloads.ts';

export type Mode = 'full path' | 'pure';
export type Wanted = { readonly atLeast: number } | { readonly atMost: number };

export interface Measure {
  readonly name: string;
  readonly unit: Figure['unit'];
  /** What kube-scheduler does on a machine of this size. */
  readonly reference: string;
  /** The least that Kubernetes' own integration asks for. */
  readonly floor: number | undefined;
  readonly wanted: Wanted | undefined;
  readonly samples: number[];
}

export interface Row {
  readonly name: string;
  readonly mode: Mode;
  /** As in the league: `default`. */
  readonly scheduler: string;
  readonly workload: WorkloadName;
  readonly fields: {
    readonly perSecond: Measure;
    readonly createToBoundP50: Measure;
    readonly createToBoundP99: Measure;
    readonly decisionP50: Measure;
    readonly decisionP99: Measure;
    readonly cpu: Measure;
    readonly resident: Measure;
  };
  /** Those that are shown. */
  readonly measures: readonly Measure[];
  /** After the last round. */
  utilisation: Utilisation | undefined;
}

/** Names of the schedulers, which are plugins `scheduler-NAME`. */
export const schedulers: readonly string[] = ['default', 'binpack', 'spread', 'gang'];

const folder = join(import.meta.dirname, 'workloads');
const published = join(folder, 'performance.yaml');
const own = join(folder, 'own.yaml');

interface Wish {
  readonly perSecond?: number;
  readonly createToBoundP99?: number;
  readonly residentMB?: number;
  readonly reference?: string;
}

interface Entry {
  readonly title: string;
  readonly file: string;
  readonly testCase: string;
  readonly workload: string;
  readonly floor: number | undefined;
}

function measure(name: string, unit: Figure['unit'], facts: Partial<Measure> = {}): Measure {
  return { name, unit, reference: '', floor: undefined, wanted: undefined, ...facts, samples: [] };
}

const atLeast = (value: number | undefined): Wanted | undefined =>
  value === undefined ? undefined : { atLeast: value };
const atMost = (value: number | undefined): Wanted | undefined => (value === undefined ? undefined : { atMost: value });

function makeRow({ title, floor, ...name }: Entry, mode: Mode, scheduler: string, wish: Wish): Row {
  const isPure = mode === 'pure';
  const fields: Row['fields'] = {
    perSecond: measure(isPure ? 'decisions' : 'bound pods', '1/s', {
      floor,
      reference: wish.reference ?? '',
      wanted: atLeast(wish.perSecond),
    }),
    createToBoundP50: measure('create → bound p50', 'ms'),
    createToBoundP99: measure('create → bound p99', 'ms', { wanted: atMost(wish.createToBoundP99) }),
    decisionP50: measure('one decision p50', 'µs'),
    decisionP99: measure('one decision p99', 'µs'),
    cpu: measure('server CPU of a pod', 'µs'),
    resident: measure('resident memory', 'MB', { wanted: atMost(wish.residentMB) }),
  };
  const { perSecond, createToBoundP50, createToBoundP99, decisionP50, decisionP99, cpu, resident } = fields;
  const measures = isPure
    ? [perSecond, decisionP50, decisionP99, ...(wish.residentMB === undefined ? [] : [resident])]
    : [perSecond, createToBoundP50, createToBoundP99, cpu, resident];
  const by = scheduler === 'default' ? '' : `, ${scheduler}`;
  return {
    name: `${title}, ${mode}${by}`,
    mode,
    scheduler,
    workload: { file: name.file, testCase: name.testCase, workload: name.workload },
    fields,
    measures,
    utilisation: undefined,
  };
}

/** The rate of pure decisions is asked to be so many times the floor. */
const pureFactor = 5;

const fullWishes: ReadonlyMap<string, Wish> = new Map<string, Wish>([
  ['SchedulingBasic', { perSecond: 2_000, reference: '270–277' }],
  ['SchedulingPodAffinity', { perSecond: 350 }],
  ['SchedulingPodAntiAffinity', { perSecond: 600 }],
]);
const pureWishes: ReadonlyMap<string, Wish> = new Map<string, Wish>([
  ['SchedulingBasic', { perSecond: 20_000 }],
  ['SchedulingNodeAffinity', { perSecond: 20_000 }],
]);
/** Kubernetes' floor is for preemptors among other pods, which is `PreemptionAsync`. */
const basic = 'SchedulingBasic';
/** Of every scheduler. One that fills nodes would break the constraints of the latter if it paid no heed to them. */
const compared: ReadonlySet<string> = new Set([basic, 'SchedulingPodAntiAffinity', 'TopologySpreading']);

/** What a scheduler is made for, also on the full path. */
const specialities: ReadonlyMap<string, string> = new Map([
  ['spread', 'TopologySpreading'],
  ['gang', 'GangScheduling'],
]);

function entriesOf(file: string): Entry[] {
  return readWorkloads(file)
    .filter(({ labels }) => labels.includes('full'))
    .map(({ testCase, name, threshold }) => {
      const title = testCase.replace(/^(Mixed)?Scheduling/, '$1');
      return { title, file, testCase, workload: name, floor: threshold };
    });
}

/** Of a file that is not of the benchmark: all its workloads, in both ways, against their thresholds. */
export function rowsOf(file: string): Row[] {
  const entries = readWorkloads(file).map(({ testCase, name, threshold }) => {
    return { title: `${testCase}/${name}`, file, testCase, workload: name, floor: threshold };
  });
  return (['full path', 'pure'] as const).flatMap((mode) =>
    entries.map((entry) =>
      makeRow(entry, mode, 'default', entry.floor === undefined ? {} : { perSecond: entry.floor }),
    ),
  );
}

export function allRows(): Row[] {
  const entries = entriesOf(published);
  const full = entries.map((entry) =>
    makeRow(entry, 'full path', 'default', {
      ...(entry.floor === undefined ? {} : { perSecond: entry.floor }),
      ...fullWishes.get(entry.testCase),
    }),
  );
  const pure = entries.map((entry) =>
    makeRow(entry, 'pure', 'default', {
      ...(entry.floor === undefined ? {} : { perSecond: pureFactor * entry.floor }),
      ...pureWishes.get(entry.testCase),
    }),
  );
  const others = schedulers
    .filter((name) => name !== 'default')
    .flatMap((name) => [
      ...entries
        .filter(({ testCase }) => testCase === basic || testCase === specialities.get(name))
        .map((entry) => makeRow(entry, 'full path', name, {})),
      ...entries.filter(({ testCase }) => compared.has(testCase)).map((entry) => makeRow(entry, 'pure', name, {})),
    ]);
  const special = entriesOf(own).map((entry) =>
    entry.testCase === 'Steady'
      ? makeRow(entry, 'full path', 'default', { createToBoundP99: 100 })
      : makeRow(entry, 'pure', 'default', { residentMB: 8_000 }),
  );
  return [
    ...full,
    ...special.filter(({ mode }) => mode === 'full path'),
    ...pure,
    ...others,
    ...special.filter(({ mode }) => mode === 'pure'),
  ];
}

/** Rows of the league: of each scheduler, the basic workload in both ways. */
export function leagueOf(
  rows: readonly Row[],
): readonly { readonly scheduler: string; readonly rows: readonly Row[] }[] {
  return schedulers.map((scheduler) => ({
    scheduler,
    rows: rows.filter((row) => row.scheduler === scheduler && row.workload.testCase === basic),
  }));
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

export const verdictOf = (measure: Measure): string =>
  measure.wanted === undefined ? '' : isMet(measure) ? 'ok' : 'MISS';

export { wantedText };

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
