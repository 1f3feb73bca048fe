/** Figures that a benchmark measured, and what is wanted of them. */

type Statistic = 'p50' | 'p90' | 'p99' | 'max';

export interface Figure {
  readonly bench: string;
  readonly name: string;
  readonly unit: 'ms' | 'MB' | 'µs' | '1/s' | '×' | '%';
  /** The most that is allowed; absent: the figure only informs. */
  readonly wanted?: Partial<Record<Statistic, number>>;
  /** For what is compared with something else, in place of `wanted`. */
  readonly verdict?: { readonly wanted: string; readonly met: boolean };
  /** The benchmark prints it in a table of its own. */
  readonly printed?: boolean;
  readonly samples: readonly number[];
}

export type Summary = Readonly<Record<Statistic, number>> & {
  readonly count: number;
  readonly result: 'pass' | 'MISS' | '-';
};

/** The smallest sample that at least this share of all samples does not exceed (nearest rank). */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  const low = sorted[sorted.length % 2 === 0 ? upper - 1 : upper] ?? Number.NaN;
  return (low + (sorted[upper] ?? Number.NaN)) / 2;
}

export function summarise({ samples, wanted, verdict }: Figure): Summary {
  const figures = {
    p50: median(samples),
    p90: percentile(samples, 0.9),
    p99: percentile(samples, 0.99),
    max: percentile(samples, 1),
  };
  const limits = Object.entries(wanted ?? {}) as [Statistic, number][];
  const met = verdict?.met ?? limits.every(([statistic, limit]) => figures[statistic] <= limit);
  const judged = verdict !== undefined || limits.length > 0;
  return { ...figures, count: samples.length, result: !judged ? '-' : met ? 'pass' : 'MISS' };
}

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));

function wantedText({ wanted, unit, verdict }: Figure): string {
  if (verdict !== undefined) return verdict.wanted;
  const limits = Object.entries(wanted ?? {});
  return limits.map(([statistic, limit]) => `${statistic} ≤ ${limit} ${unit}`).join(', ') || '-';
}

/** Those that no other table shows. */
export function formatFigures(all: readonly Figure[]): string {
  const figures = all.filter(({ printed }) => printed !== true);
  if (figures.length === 0) return '';
  const rows = figures.map((figure) => {
    const { p50, p90, p99, max, count, result } = summarise(figure);
    const values = [p50, p90, p99, max].map((value) => `${number(value)} ${figure.unit}`);
    return [figure.bench, figure.name, wantedText(figure), ...values, String(count), result];
  });
  const header = ['BENCH', 'FIGURE', 'WANTED', 'MEDIAN', 'P90', 'P99', 'MAX', 'SAMPLES', 'RESULT'];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column >= 3 && column <= 7 ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}
