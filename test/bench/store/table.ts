/** The table that puts two stores beside each other. */

export interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicrosEach: number;
}

export interface Row {
  readonly name: string;
  readonly ours: Sample[];
  readonly etcd: Sample[];
}

function median(samples: readonly Sample[], field: keyof Sample): number {
  const sorted = samples.map((sample) => sample[field]).sort((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? Number.NaN) + (sorted[Math.floor(half)] ?? Number.NaN)) / 2;
}

const columns: readonly (readonly [title: string, field: keyof Sample, digits: number])[] = [
  ['OPS/S', 'perSecond', 0],
  ['P50 MS', 'p50Ms', 2],
  ['P99 MS', 'p99Ms', 2],
  ['CPU µS/OP', 'cpuMicrosEach', 1],
];

/** Medians of all rounds, ours and etcd's, and ours divided by etcd's. */
export function formatRows(rows: readonly Row[], ours: string): string {
  const header = ['', ...columns.flatMap(([title]) => [`${title} ${ours}`, 'etcd', 'ratio'])];
  const lines = rows.map((row) => [
    row.name,
    ...columns.flatMap(([, field, digits]) => {
      const [left, right] = [median(row.ours, field), median(row.etcd, field)];
      return [left.toFixed(digits), right.toFixed(digits), `${(left / right).toFixed(2)}×`];
    }),
  ]);
  const widths = header.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  return [header, ...lines]
    .map((line) => line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))))
    .map((line) => line.join('  ').trimEnd())
    .join('\n');
}
