/** The report as people read it: a matrix, and what is wrong. */
import { formatTable } from '../../output/table.ts';
import { kinds, type Check, type CheckKind, type Report } from './report.ts';

/** A wider matrix is not read: then only nodes are shown with which something is wrong. */
const widest = 10;

const isGood = ({ outcome }: Check): boolean => outcome === 'ok';

function shownNodes({ nodes, checks }: Report): readonly string[] {
  const names = nodes.map(({ name }) => name);
  if (names.length <= widest) return names;
  const bad = new Set(checks.filter((check) => !isGood(check)).flatMap(({ from, to }) => [from, to]));
  return names.filter((name) => bad.has(name)).slice(0, widest);
}

function matrix(report: Report): string[] {
  const shown = shownNodes(report);
  const cells = new Map(
    report.checks.map(({ kind, from, to, outcome }) => [JSON.stringify([kind, from, to]), outcome]),
  );
  const cell = (kind: CheckKind, from: string, to: string): string =>
    cells.get(JSON.stringify([kind, from, to])) ?? '-';
  const rows = kinds
    .filter((kind) => kind !== 'DNS')
    .flatMap((kind) => shown.map((from) => [kind, from, ...shown.map((to) => cell(kind, from, to))]));
  const table = rows.length === 0 ? [] : [formatTable(['CHECK', 'FROM', ...shown.map((to) => `TO ${to}`)], rows)];
  const left = report.nodes.length - shown.length;
  return left === 0 ? table : [...table, `${left} more nodes are not shown here: -o json has every check.`];
}

function names(report: Report): string[] {
  const shown = shownNodes(report);
  const all = report.checks.filter(({ kind, from }) => kind === 'DNS' && shown.includes(from));
  const rows = all.map(({ from, to, outcome }) => ['DNS', from, to, outcome]);
  return rows.length === 0 ? [] : [formatTable(['CHECK', 'FROM', 'NAME', 'ANSWER'], rows)];
}

export function reportText(report: Report): string {
  const { problems, checks, nodes } = report;
  const good = checks.filter(isGood).length;
  const end =
    problems.length === 0
      ? `All ${good} checks between ${nodes.length} node${nodes.length === 1 ? '' : 's'} are ok.`
      : ['What is wrong:', ...problems.map((problem) => `- ${problem}`)].join('\n');
  return [...matrix(report), ...names(report), end].join('\n\n');
}
