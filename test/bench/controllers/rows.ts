/** The rows of the benchmark, and what is wanted of them. */
import { median, type Figure } from '../figures.ts';

export type Wanted = { readonly atLeast: number } | { readonly atMost: number };

export interface Measure {
  readonly name: string;
  readonly unit: Figure['unit'] | 'writes' | 's';
  readonly wanted: Wanted | undefined;
  readonly samples: number[];
}

export interface Row {
  readonly name: string;
  readonly measures: readonly Measure[];
}

function measure(name: string, unit: Measure['unit'], wanted?: Wanted): Measure {
  return { name, unit, wanted, samples: [] };
}

/** Sizes, which `scale` makes smaller for a quick look. */
export interface Sizes {
  readonly replicas: number;
  readonly deployments: number;
  readonly podsEach: number;
  readonly crowd: number;
  readonly restMs: number;
}

export function sizesOf(scale: number): Sizes {
  const scaled = (count: number): number => Math.max(1, Math.round(count * scale));
  return {
    replicas: scaled(1_000),
    deployments: scaled(1_000),
    podsEach: 3,
    crowd: scaled(10_000),
    restMs: Math.max(5_000, scaled(60_000)),
  };
}

export interface Rows {
  readonly scaleUp: Row & { readonly own: Measure; readonly created: Measure; readonly ratio: Measure };
  readonly rollOut: Row & { readonly seconds: Measure; readonly cpu: Measure };
  readonly many: Row & {
    readonly perSecond: Measure;
    readonly p50: Measure;
    readonly p99: Measure;
    readonly rest: Measure;
  };
  readonly memory: Row & { readonly controllers: Measure; readonly whole: Measure; readonly resident: Measure };
  readonly deletion: Row & { readonly seconds: Measure };
}

const text = (count: number): string => count.toLocaleString('en');

export function makeRows({ replicas, deployments, podsEach, crowd, restMs }: Sizes): Rows {
  const own = measure("the API's own creations of pods", '1/s');
  const created = measure('creations by controllers', '1/s');
  const ratio = measure("of the API's own rate", '×', { atLeast: 0.5 });
  const rolledOut = measure('until all pods are of the new version', 's', { atMost: 20 });
  const cpu = measure('server CPU of a pod', 'µs');
  const perSecond = measure('pods that became Ready', '1/s');
  const p50 = measure('Deployment created → available p50', 'ms');
  const p99 = measure('p99', 'ms');
  const rest = measure(`writes in ${restMs / 1000} s when settled`, 'writes', { atMost: 0 });
  const controllers = measure('heap of the controllers, above idle', 'MB', { atMost: 250 });
  const whole = measure('heap of the whole server, above idle', 'MB');
  const resident = measure('resident memory of the whole server, above idle', 'MB');
  const gone = measure('until the namespace is gone', 's', { atMost: 30 });
  return {
    scaleUp: {
      name: `Deployment scaled 0 → ${text(replicas)}`,
      own,
      created,
      ratio,
      measures: [own, created, ratio],
    },
    rollOut: {
      name: `roll-out of ${text(replicas)} pods (25 %/25 %)`,
      seconds: rolledOut,
      cpu,
      measures: [rolledOut, cpu],
    },
    many: {
      name: `${text(deployments)} Deployments × ${podsEach} pods`,
      perSecond,
      p50,
      p99,
      rest,
      measures: [perSecond, p50, p99, rest],
    },
    memory: {
      name: `memory with ${text(crowd)} pods`,
      controllers,
      whole,
      resident,
      measures: [controllers, whole, resident],
    },
    deletion: { name: `deletion of a namespace of ${text(crowd)} pods`, seconds: gone, measures: [gone] },
  };
}

export const inOrder = ({ scaleUp, rollOut, many, memory, deletion }: Rows): Row[] => [
  scaleUp,
  rollOut,
  many,
  memory,
  deletion,
];

function isMet({ wanted, samples }: Measure): boolean {
  if (wanted === undefined) return true;
  // What was not measured is not met.
  const value = median(samples);
  return 'atLeast' in wanted ? value >= wanted.atLeast : value <= wanted.atMost;
}

const amount = (value: number): string => {
  if (Number.isNaN(value)) return '-';
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 10 ? 1 : 2);
};

function wantedText({ wanted, unit }: Measure): string {
  if (wanted === undefined) return '';
  return 'atLeast' in wanted ? `≥ ${text(wanted.atLeast)} ${unit}` : `≤ ${text(wanted.atMost)} ${unit}`;
}

/** Medians of all rounds, and whether they are what is wanted. */
export function formatRows(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ name, measures }) =>
    measures.map((each, at) => [
      at === 0 ? name : '',
      `${each.name}, ${each.unit}`,
      amount(median(each.samples)),
      wantedText(each),
      each.wanted === undefined ? '' : isMet(each) ? 'ok' : 'MISS',
    ]),
  );
  const header = ['', 'MEDIAN OF', 'timonel', 'WANTED', 'RESULT'];
  const widths = header.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const pad = (cell: string, at: number): string =>
    at === 2 || at === 3 ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
  return [header, ...lines].map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

/** For the JSON: every sample, and the verdict. */
export function figuresOf(bench: string, rows: readonly Row[]): Figure[] {
  return rows.flatMap(({ name, measures }) =>
    measures.map((each): Figure => {
      const { wanted, samples } = each;
      const unit = each.unit === 's' ? 'ms' : each.unit === 'writes' ? '×' : each.unit;
      const verdict = wanted === undefined ? {} : { verdict: { wanted: wantedText(each), met: isMet(each) } };
      const converted = each.unit === 's' ? samples.map((seconds) => seconds * 1000) : samples;
      return { bench, name: `${name}, ${each.name}`, unit, printed: true, samples: converted, ...verdict };
    }),
  );
}
