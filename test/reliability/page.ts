import { release } from 'node:os';
import { repaired, type FaultStep } from '@timonel/testkit/fault-steps';
import type { FaultTable, Row } from './fault-table.ts';
import type { Phase } from './lane.ts';

const head = (): string => `# Reliability of the node

What is ended by SIGKILL while a pod starts or stops, at which step, and what came of it. The steps are told by the node's own program: each
call of the agent to its runtime, its network, its volumes, its images and the API (about pods), and each file that it or the network
changes and each program that they start. A step that the code gains or loses is one here, and a test says so.

**How.** A real node (\`runtime-linux\`, \`network-bridge\`, \`images-local\`, the agent in a process of its own; Linux ${release().split('.').slice(0, 2).join('.')}) runs a pod that must not be
disturbed. Beside it a pod is made, or removed, that has an init container, a container with a preStop hook, an emptyDir, a ConfigMap and
a hostPath. *The agent* is the whole process, with the runtime's, the network's and all others' parts in it; it is started again. *The runtime* is all
processes which hold and watch over containers and namespaces of that pod, and the one that makes them; the agent goes on. *Before it*: the call was not
made; *during it*: it was begun, and nobody knows how far it came; *after it*: it was answered, and nobody has taken in the answer. A step
that comes several times is tried each time. Calls that are waited for on the spot have one moment only, before: after it is before the next
(${noSuchMoment}).

**What \`${repaired}\` says.** The pod runs, or is gone, as was declared. Whoever was not ended was not disturbed: no container began twice (each one counts its starts in
a file), \`restartCount\` is as before, the other pod runs on. When the pod is gone, the node has exactly what it had before it: files, mounts, control groups, processes,
network links, pod addresses, compared one by one.

This page is written by \`npm run reliability\`; the tests in \`test/reliability\` end both *during* each step, and look that the page has every step.
`;

/** Of a call that is waited for on the spot: after it is before the next. */
export const noSuchMoment = '–';

const columns = [
  'the agent, before it',
  'the agent, during it',
  'the agent, after it',
  'the runtime, before it',
  'the runtime, during it',
  'the runtime, after it',
];

const cell = (text: string): string => text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');

/** `absent`: of a moment that was not tried. */
function tableOf(title: string, rows: readonly FaultStep[], kinds: readonly string[], absent: string): string {
  const steps = [...new Set(rows.map(({ step }) => step))];
  const lines = steps.map((step) => {
    const outcomes = kinds.map(
      (killed) => rows.find((row) => row.step === step && row.killed === killed)?.outcome ?? absent,
    );
    return `| \`${cell(step)}\` | ${outcomes.map(cell).join(' | ')} |`;
  });
  const header = `| step | ${kinds.join(' | ')} |`;
  return [`## ${title}`, '', header, `|${' --- |'.repeat(kinds.length + 1)}`, ...lines].join('\n');
}

function many({ many: { pods, before, most, outcome } }: FaultTable): string {
  const result = outcome === repaired ? `The same ${before}, one by one.` : `**Not as before**: ${outcome}`;
  return `## ${pods} pods

Files, mounts, control groups, processes, links and addresses that the node has for its pods: ${before} before, up to ${most} while ${pods} pods run to
their end and are removed, afterwards: ${result}`;
}

export const titles: Readonly<Record<Phase, string>> = { start: 'Start of a pod', stop: 'Stop of a pod' };

/** docs/reference/reliability.md. `others`: tables of the runtimes' own steps, by their titles. */
export function pageOf(table: FaultTable, others: Readonly<Record<string, readonly FaultStep[]>>): string {
  const of = (phase: Phase): readonly Row[] => table.rows.filter((row) => row.phase === phase);
  const own = (['start', 'stop'] as const).map((phase) => tableOf(titles[phase], of(phase), columns, 'not run'));
  const more = Object.entries(others).map(([title, rows]) =>
    tableOf(title, rows, [...new Set(rows.map(({ killed }) => killed))], noSuchMoment),
  );
  return `${[head(), ...own, ...more, many(table)]
    .join('\n\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
}
