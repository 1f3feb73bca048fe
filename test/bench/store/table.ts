/** The table that puts two stores beside each other. */
import { median, type Figure } from '../figures.ts';

/** What is wanted of ours: a ratio of the medians, or an amount. */
export type Wanted = { readonly ratioAtLeast: number } | { readonly ratioAtMost: number } | { readonly atMost: number };

export interface Measure {
  readonly name: string;
  readonly unit: Figure['unit'];
  readonly wanted?: Wanted;
  readonly ours: number[];
  /** Empty: there is nothing to compare with. */
  readonly etcd: number[];
}

export interface Row {
  readonly name: string;
  readonly measures: readonly Measure[];
}

export function newMeasure(name: string, unit: Measure['unit'], wanted?: Wanted): Measure {
  return { name, unit, ours: [], etcd: [], ...(wanted === undefined ? {} : { wanted }) };
}

const ratioOf = ({ ours, etcd }: Measure): number => median(ours) / median(etcd);

function wantedText({ wanted, unit }: Measure): string {
  if (wanted === undefined) return '';
  if ('ratioAtLeast' in wanted) return `≥ ${wanted.ratioAtLeast}×`;
  if ('ratioAtMost' in wanted) return `≤ ${wanted.ratioAtMost}×`;
  return `≤ ${wanted.atMost} ${unit}`;
}

/** What was not measured is not met. */
function isMet(measure: Measure): boolean {
  const { wanted } = measure;
  if (wanted === undefined) return true;
  if ('ratioAtLeast' in wanted) return ratioOf(measure) >= wanted.ratioAtLeast;
  if ('ratioAtMost' in wanted) return ratioOf(measure) <= wanted.ratioAtMost;
  return median(measure.ours) <= wanted.atMost;
}

function amount(value: number): string {
  if (Number.isNaN(value)) return '-';
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

function cellsOf(row: Row, measure: Measure, at: number): string[] {
  const ratio = ratioOf(measure);
  return [
    at === 0 ? row.name : '',
    `${measure.name}, ${measure.unit}`,
    amount(median(measure.ours)),
    amount(median(measure.etcd)),
    Number.isNaN(ratio) ? '-' : `${ratio.toFixed(2)}×`,
    wantedText(measure),
    measure.wanted === undefined ? '' : isMet(measure) ? 'ok' : 'MISS',
  ];
}

const leftColumns: ReadonlySet<number> = new Set([0, 1, 6]);

/** Medians of all rounds, ours and etcd's, ours divided by etcd's, and whether that is what is wanted. */
export function formatRows(rows: readonly Row[], ours: string): string {
  const header = ['', 'MEDIAN OF', ours, 'etcd', 'RATIO', 'WANTED', 'RESULT'];
  const lines = rows.flatMap((row) => row.measures.map((measure, at) => cellsOf(row, measure, at)));
  const widths = header.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const pad = (cell: string, at: number): string =>
    leftColumns.has(at) ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return [header, ...lines].map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

/** For the JSON: every sample, and the verdict with ours. */
export function figuresOf(bench: string, rows: readonly Row[], ours: string): Figure[] {
  return rows.flatMap((row) =>
    row.measures.flatMap((measure): Figure[] => {
      const { unit, wanted, etcd } = measure;
      const name = `${row.name}, ${measure.name}`;
      const verdict = {
        wanted: `${wantedText(measure)}${'atMost' in (wanted ?? {}) ? '' : ' of etcd'}`,
        met: isMet(measure),
      };
      return [
        {
          bench,
          name: `${ours}: ${name}`,
          unit,
          printed: true,
          samples: measure.ours,
          ...(wanted === undefined ? {} : { verdict }),
        },
        ...(etcd.length === 0 ? [] : [{ bench, name: `etcd: ${name}`, unit, printed: true, samples: etcd }]),
      ];
    }),
  );
}
