/** An explanation as people read it: state, root cause first, what would help. */
import type { Cause, ExplainedScore, PastDecision, Why } from '@timonel/sdk/contracts/why';
import { formatTable } from './table.ts';

const singular: Readonly<Record<string, string>> = { pods: 'Pod', nodes: 'Node' };

function nameOf({ object: { resource, namespace, name } }: Why): string {
  const kind = Object.hasOwn(singular, resource) ? singular[resource] : resource;
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function nodesLine({ nodes, alone }: Cause): string[] {
  if (nodes === undefined || nodes.count === 0) return [];
  const more = nodes.count - nodes.names.length;
  const names = nodes.names.length === 0 ? '' : `: ${nodes.names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const only = alone === undefined || alone === 0 ? '' : `; nothing else keeps out ${alone} of them`;
  return [`${plural(nodes.count, 'node')}${names}${only}`];
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function detailLine({ detail }: Cause): string[] {
  const entries = Object.entries(detail ?? {}).filter(([, value]) => value !== undefined && value !== '');
  return entries.length === 0 ? [] : [entries.map(([key, value]) => `${key}=${valueText(value)}`).join(' ')];
}

function causeLines(cause: Cause, index: number): string[] {
  const by = cause.plugin === undefined || cause.plugin === '' ? cause.component : cause.plugin;
  const more = [
    ...nodesLine(cause),
    ...detailLine(cause),
    ...(cause.unblock === undefined ? [] : [`would help: ${cause.unblock}`]),
    ...(cause.next === undefined ? [] : [`after that: ${cause.next}`]),
  ];
  return [`${index + 1}. ${cause.text} (${by})`, ...more.map((line) => `   ${line}`)];
}

function causesPart({ causes }: Why): string[] {
  if (causes.length === 0) return [];
  const [first, ...others] = causes.map(causeLines);
  const rest = others.length === 0 ? [] : ['', 'Also in the way:', ...others.flat()];
  return [['Root cause:', ...(first ?? []), ...rest].join('\n')];
}

function scoresTable(scores: readonly ExplainedScore[]): string {
  const plugins = [...new Set(scores.flatMap((score) => Object.keys(score.scores)))];
  const rows = scores.map(({ nodeName, total, scores: by }) => [
    nodeName,
    String(Math.round(total)),
    ...plugins.map((plugin) => (by[plugin] === undefined ? '-' : String(Math.round(by[plugin])))),
  ]);
  return formatTable(['NODE', 'TOTAL', ...plugins], rows);
}

function decisionsPart(decisions: readonly PastDecision[]): string[] {
  if (decisions.length === 0) return [];
  const rows = decisions.map(({ time, by, outcome, text }) => [time, by, outcome, text]);
  return [`Last decisions:\n${formatTable(['TIME', 'SCHEDULER', 'OUTCOME', ''], rows)}`];
}

function scoresPart(why: Why): string[] {
  const chosen = why.decisions.find(({ scores = [] }) => scores.length > 0);
  const now = why.scores ?? [];
  return [
    ...(now.length === 0 ? [] : [`Best nodes now:\n${scoresTable(now)}`]),
    ...(chosen?.scores === undefined
      ? []
      : [`Scores of the decision of ${chosen.time}:\n${scoresTable(chosen.scores)}`]),
  ];
}

function queuePart({ queue }: Why): string[] {
  if (queue === undefined) return [];
  const { part, attempts, since, until } = queue;
  const details = [
    `tried ${attempts === 1 ? 'once' : `${attempts} times`}`,
    ...(since === undefined ? [] : [`there since ${since}`]),
    ...(until === undefined ? [] : [`tried again at ${until} at the latest`]),
  ];
  return [`Queue: ${part}, ${details.join(', ')}`];
}

export function whyText(why: Why): string {
  const { summary, state, preemption, cut = [] } = why;
  return [
    `${nameOf(why)} is ${state}: ${summary}`,
    ...causesPart(why),
    ...(preemption === undefined ? [] : [`Preemption: ${preemption}`]),
    ...queuePart(why),
    ...decisionsPart(why.decisions),
    ...scoresPart(why),
    ...(cut.length === 0 ? [] : [`Left out: ${cut.join('; ')}`]),
  ].join('\n\n');
}
