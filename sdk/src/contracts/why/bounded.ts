/** Keeps an answer short: lists are cut, and what was cut is told. */
import type { Cause, Fact, PastDecision, Why } from './index.ts';

/** As JSON. */
export const whyLimitBytes = 16_384;

const most = { causes: 24, facts: 32, nodeNames: 5, decisions: 8, scores: 5, details: 24, cuts: 16 };
const textLimit = 1024;
const shortTextLimit = 160;

const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;

function shortened(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/** Objects and arrays at most `depth` deep and with a bounded number of members. */
function trimmed(value: unknown, limit: number, depth: number): unknown {
  if (typeof value === 'string') return shortened(value, limit);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) {
    const kept = value.slice(0, most.details).map((item) => trimmed(item, limit, depth - 1));
    return value.length > most.details ? [...kept, `… ${value.length - most.details} more`] : kept;
  }
  const all = Object.entries(value);
  const kept = all
    .slice(0, most.details)
    .map(([key, item]) => [shortened(key, shortTextLimit), trimmed(item, limit, depth - 1)]);
  if (all.length > most.details) kept.push(['…', `${all.length - most.details} more`]);
  return Object.fromEntries(kept) as unknown;
}

class Cutter {
  readonly cuts: string[] = [];

  list<T>(what: string, list: readonly T[], limit: number): readonly T[] {
    if (list.length <= limit) return list;
    if (this.cuts.length < most.cuts) this.cuts.push(`${what}: ${list.length - limit} more`);
    return list.slice(0, limit);
  }
}

/** How much of everything is kept. */
interface Measure {
  readonly causes: number;
  readonly facts: number;
  readonly decisions: number;
  readonly scores: number;
  readonly text: number;
}

const measures: readonly Measure[] = [
  { causes: most.causes, facts: most.facts, decisions: most.decisions, scores: most.scores, text: textLimit },
  { causes: 16, facts: 16, decisions: 4, scores: 3, text: 512 },
  { causes: 12, facts: 12, decisions: 2, scores: 3, text: 256 },
  { causes: 8, facts: 8, decisions: 1, scores: 2, text: shortTextLimit },
  { causes: 4, facts: 0, decisions: 1, scores: 0, text: shortTextLimit },
];

function causeOf(cause: Cause, text: number): Cause {
  const { nodes } = cause;
  const names = nodes?.names.slice(0, most.nodeNames);
  const short = trimmed(cause, text, 4) as Cause;
  return nodes === undefined || names === undefined ? short : { ...short, nodes: { ...nodes, names } };
}

function decisionOf(decision: PastDecision, measure: Measure, cutter: Cutter): PastDecision {
  const { scores, ...rest } = decision;
  const short = trimmed(rest, measure.text, 2) as PastDecision;
  if (scores === undefined || measure.scores === 0) return short;
  const kept = cutter.list(`scores of the decision at ${decision.time}`, scores, measure.scores);
  return { ...short, scores: trimmed(kept, shortTextLimit, 4) as typeof scores };
}

function measured(why: Why, measure: Measure): Why {
  const cutter = new Cutter();
  const { cut: before = [], causes, facts, decisions, scores, ...rest } = why;
  const short: Why = {
    ...(trimmed(rest, measure.text, 4) as typeof rest),
    causes: cutter.list('causes', causes, measure.causes).map((cause) => causeOf(cause, measure.text)),
    ...(facts === undefined
      ? {}
      : { facts: cutter.list('facts', facts, measure.facts).map((fact) => trimmed(fact, measure.text, 2) as Fact) }),
    decisions: cutter
      .list('decisions', decisions, measure.decisions)
      .map((decision) => decisionOf(decision, measure, cutter)),
    ...(scores === undefined
      ? {}
      : { scores: trimmed(cutter.list('scores', scores, measure.scores), shortTextLimit, 4) as typeof scores }),
  };
  const cut = [...before, ...cutter.cuts].slice(0, most.cuts);
  return cut.length === 0 ? short : { ...short, cut };
}

/** The same, at most `limit` bytes of JSON. Decisions, scores and long texts go first, then the last causes. */
export function boundedWhy(why: Why, limit: number = whyLimitBytes): Why {
  for (const measure of measures) {
    const short = measured(why, measure);
    if (bytesOf(short) <= limit) return short;
  }
  const { object, state, summary, causes } = measured(why, measures.at(-1) as Measure);
  const [first] = causes;
  const root = first === undefined ? [] : [{ component: first.component, code: first.code, text: first.text }];
  return { object, state, summary, causes: root, decisions: [], cut: ['everything but the root cause'] };
}
