/** The tables that the benchmark prints: every row, and the league of schedulers. */
import { median } from '../figures.ts';
import { leagueOf, verdictOf, wantedText, type Measure, type Row } from './rows.ts';

function amount(value: number): string {
  if (Number.isNaN(value)) return '-';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

const percent = (share: number | undefined): string =>
  share === undefined || Number.isNaN(share) ? '-' : `${(100 * share).toFixed(1)} %`;

function table(header: readonly string[], lines: readonly (readonly string[])[], left: ReadonlySet<number>): string {
  const widths = header.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const pad = (cell: string, at: number): string =>
    left.has(at) ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return [header, ...lines].map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

function cellsOf(row: Row, measured: Measure, at: number): string[] {
  return [
    at === 0 ? row.name : '',
    `${measured.name}, ${measured.unit}`,
    amount(median(measured.samples)),
    measured.reference,
    measured.floor === undefined ? '' : amount(measured.floor),
    wantedText(measured),
    verdictOf(measured),
  ];
}

/** Medians of all rounds beside what Kubernetes asks of its scheduler, and whether they are what is wanted. */
export function formatRows(rows: readonly Row[]): string {
  const header = ['', 'MEDIAN OF', 'timonel', 'kube-scheduler', 'ITS FLOOR', 'WANTED', 'RESULT'];
  const lines = rows.flatMap((row) => row.measures.map((each, at) => cellsOf(row, each, at)));
  return table(header, lines, new Set([0, 1, 6]));
}

const value = (row: Row | undefined, name: keyof Row['fields']): number =>
  row === undefined ? Number.NaN : median(row.fields[name].samples);

/** Whoever binds the most pods of the basic workload comes first. Empty when no scheduler was measured. */
export function formatLeague(rows: readonly Row[]): string {
  const entries = leagueOf(rows)
    .filter((entry) => entry.rows.length > 0)
    .map(({ scheduler, rows }) => {
      const full = rows.find(({ mode }) => mode === 'full path');
      const pure = rows.find(({ mode }) => mode === 'pure');
      return { scheduler, full, pure, use: full?.utilisation ?? pure?.utilisation };
    })
    .toSorted((a, b) => (value(b.full, 'perSecond') || 0) - (value(a.full, 'perSecond') || 0));
  if (entries.length === 0) return '';
  const header = [
    'SCHEDULER',
    'BOUND/S',
    'CREATE→BOUND P50',
    'P99, ms',
    'DECISIONS/S',
    'DECISION P50',
    'P99, µs',
    'CPU',
    'MEMORY',
    'CPU OF USED',
    'DEVIATION OF CPU',
    'NODES USED',
  ];
  const lines = entries.map(({ scheduler, full, pure, use }) => [
    scheduler,
    amount(value(full, 'perSecond')),
    amount(value(full, 'createToBoundP50')),
    amount(value(full, 'createToBoundP99')),
    amount(value(pure, 'perSecond')),
    amount(value(pure, 'decisionP50')),
    amount(value(pure, 'decisionP99')),
    percent(use?.cpu),
    percent(use?.memory),
    percent(use === undefined ? undefined : (use.cpu * use.nodes) / use.used),
    percent(use?.cpuSpread),
    use === undefined ? '-' : `${use.used.toLocaleString('en')} of ${use.nodes.toLocaleString('en')}`,
  ]);
  return table(header, lines, new Set([0]));
}
