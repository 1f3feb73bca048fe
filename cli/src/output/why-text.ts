/** An explanation as people read it: state, root cause first, what would help. */
import type { Cause, ExplainedScore, PastDecision, Why } from '@timonel/sdk/contracts/why';
import { formatAmount, formatTable } from './table.ts';

const singular: Readonly<Record<string, string>> = { pods: 'Pod', nodes: 'Node' };

function nameOf({ object: { resource, namespace, name } }: Why): string {
  const kind = Object.hasOwn(singular, resource) ? singular[resource] : resource;
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function aloneText(count: number, alone: number | undefined): string {
  if (alone === undefined) return '';
  if (alone === 0) return '; something else keeps the pod out there as well';
  return alone >= count ? '; nothing else is in the way there' : `; nothing else is in the way on ${alone} of them`;
}

function nodesLine({ nodes, alone }: Cause): string[] {
  if (nodes === undefined || nodes.count === 0) return [];
  const more = nodes.count - nodes.names.length;
  const names = nodes.names.length === 0 ? '' : `: ${nodes.names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const only = aloneText(nodes.count, alone);
  return [`${plural(nodes.count, 'node')}${names}${only}`];
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.values(value).map(valueText).join(' ');
}

/** Room that is missing: `asks for 2Gi, 1Gi is free on node a: 1Gi short`. */
function shortageText({
  resource,
  requested,
  free,
  short,
  node,
}: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof resource !== 'string' || [requested, free, short].some((amount) => typeof amount !== 'number')) {
    return undefined;
  }
  const [asked, left, missing] = [requested, free, short].map((amount) => formatAmount(resource, Number(amount)));
  return `asks for ${asked}, ${left} is free on node ${valueText(node)}: ${missing} short`;
}

function detailLine({ detail = {} }: Cause): string[] {
  const shortage = shortageText(detail);
  if (shortage !== undefined) return [shortage];
  const parts = Object.entries(detail)
    .map(([key, value]) => [key, valueText(value)] as const)
    .filter(([, text]) => text !== '' && text !== 'undefined');
  return parts.length === 0 ? [] : [parts.map(([key, text]) => `${key}: ${text}`).join('; ')];
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

function factsPart({ facts = [] }: Why): string[] {
  const width = Math.max(...facts.map(({ name }) => name.length));
  return facts.length === 0 ? [] : [facts.map(({ name, text }) => `${name.padEnd(width)}   ${text}`).join('\n')];
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

function decisionsPart(decisions: readonly PastDecision[], summary: string): string[] {
  if (decisions.length === 0) return [];
  const rows = decisions.map(({ time, by, outcome, text }) => [
    time,
    by,
    outcome,
    text === summary ? '(as above)' : text,
  ]);
  return [`Last decisions:\n${formatTable(['TIME', 'PLUGIN', 'OUTCOME', ''], rows)}`];
}

function scoresPart(why: Why): string[] {
  const chosen = why.decisions.find(({ scores = [] }) => scores.length > 0);
  const now = why.scores ?? [];
  return [
    ...(now.length === 0 ? [] : [`Best nodes now:\n${scoresTable(now)}`]),
    ...(chosen?.scores === undefined
      ? []
      : [
          `Scores of the decision of ${chosen.time}; the total is their sum by weights:\n${scoresTable(chosen.scores)}`,
        ]),
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
    ...factsPart(why),
    // The line that kubectl shows has it already.
    ...(preemption === undefined || summary.includes(preemption) ? [] : [`Preemption: ${preemption}`]),
    ...queuePart(why),
    ...decisionsPart(why.decisions, summary),
    ...scoresPart(why),
    ...(cut.length === 0 ? [] : [`Left out: ${cut.join('; ')}`]),
  ].join('\n\n');
}
