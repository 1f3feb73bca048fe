/** Compares what two schedulers decided about one pod on one snapshot. */
import type { Decision, NodeScore } from '@timonel/sdk/contracts/scheduler';
import type { Agreement, DecisionSummary } from '@timonel/sdk/contracts/scheduler-shadow';

export type Verdict = 'same' | 'tied' | 'otherNode' | 'otherOutcome';

const nodeOf = (decision: Decision): string | undefined => ('nodeName' in decision ? decision.nodeName : undefined);
const scoresOf = (decision: Decision): readonly NodeScore[] =>
  decision.outcome === 'bind' && Array.isArray(decision.scores) ? decision.scores : [];
const scoreOf = (decision: Decision, nodeName: string | undefined): NodeScore | undefined =>
  scoresOf(decision).find((score) => score.nodeName === nodeName);
const rounded = (value: number): string => String(Math.round(value * 100) / 100);

export function verdictOn(live: Decision, candidate: Decision): Verdict {
  if (live.outcome !== candidate.outcome) return 'otherOutcome';
  if (nodeOf(live) === nodeOf(candidate)) return 'same';
  return isTie(live, candidate) ? 'tied' : 'otherNode';
}

/** Whether the candidate holds the other's node for as good as its own. */
function isTie(live: Decision, candidate: Decision): boolean {
  const own = scoreOf(candidate, nodeOf(candidate));
  if (own === undefined) return false;
  const others = scoresOf(candidate);
  const known = scoreOf(candidate, nodeOf(live));
  if (known !== undefined) return known.total === own.total;
  // Runners-up are few. When all of them are as good, the other's node can be one more of them: it is when it was rated alike.
  if (others.length < 2 || others.some(({ total }) => total !== own.total)) return false;
  const theirs = scoreOf(live, nodeOf(live));
  return theirs !== undefined && theirs.total === own.total && ratedBy(theirs) === ratedBy(own);
}

const ratedBy = ({ scores }: NodeScore): string => Object.keys(scores).toSorted().join(' ');

export function summaryOf(decision: Decision): DecisionSummary {
  const nodeName = nodeOf(decision);
  return {
    outcome: decision.outcome,
    ...(nodeName === undefined ? {} : { nodeName }),
    scores: scoresOf(decision).slice(0, 4),
    reasons: reasonsOf(decision),
    victims: decision.outcome === 'preempt' ? decision.victims.length : 0,
  };
}

function reasonsOf(decision: Decision): string[] {
  if (decision.outcome === 'bind') return [];
  if (decision.outcome === 'error') return [`${decision.plugin}: ${decision.message}`.slice(0, 200)];
  const message = decision.outcome === 'unschedulable' ? decision.message : undefined;
  const rejections = decision.rejections
    .toSorted((a, b) => b.nodeCount - a.nodeCount)
    .map(({ nodeCount, reason }) => `${nodeCount} ${reason}`);
  return [...(message === undefined ? [] : [message]), ...rejections].slice(0, 5).map((text) => text.slice(0, 200));
}

/** Why they differ, in one sentence. */
export function whyDifferent(live: Decision, candidate: Decision): string {
  if (live.outcome === 'bind' && candidate.outcome === 'bind') return whyOtherNode(live, candidate);
  const told = (who: string, { outcome, nodeName = '', reasons, victims }: DecisionSummary): string => {
    if (outcome === 'bind') return `${who} finds room on ${nodeName}`;
    if (outcome === 'preempt') return `${who} makes room on ${nodeName} by ${victims} pod${victims === 1 ? '' : 's'}`;
    return `${who} ${outcome === 'error' ? 'fails' : 'finds no node'} (${reasons.join(', ') || 'without a reason'})`;
  };
  return `${told('the candidate', summaryOf(candidate))}; ${told('the one in charge', summaryOf(live))}`;
}

function whyOtherNode(live: Decision, candidate: Decision): string {
  const [theirs = '', own = ''] = [nodeOf(live), nodeOf(candidate)];
  return `${preference('the candidate', candidate, own, theirs)}; ${preference('the one in charge', live, theirs, own)}`;
}

/** `the candidate gives a 90, b 70 (NodeResourcesFit 20 more)`. */
function preference(who: string, decision: Decision, chosen: string, other: string): string {
  const best = scoreOf(decision, chosen);
  if (best === undefined) return `${who} chooses ${chosen} and tells no scores`;
  const less = scoreOf(decision, other);
  if (less === undefined) return `${who} gives ${chosen} ${rounded(best.total)} and has ${other} not among its best`;
  const plugins = new Set([...Object.keys(best.scores), ...Object.keys(less.scores)]);
  const parts = [...plugins]
    .map((plugin) => ({ plugin, by: (best.scores[plugin] ?? 0) - (less.scores[plugin] ?? 0) }))
    .filter(({ by }) => by !== 0)
    .toSorted((a, b) => Math.abs(b.by) - Math.abs(a.by))
    .slice(0, 3)
    .map(({ plugin, by }) => `${plugin} ${rounded(Math.abs(by))} ${by > 0 ? 'more' : 'less'}`);
  const detail = parts.length === 0 ? '' : ` (${parts.join(', ')})`;
  return `${who} gives ${chosen} ${rounded(best.total)}, ${other} ${rounded(less.total)}${detail}`;
}

/** Counts verdicts. */
export class AgreementCount {
  readonly #counts: Record<Verdict, number> = { same: 0, tied: 0, otherNode: 0, otherOutcome: 0 };

  add(verdict: Verdict): void {
    this.#counts[verdict] += 1;
  }

  get figures(): Agreement {
    const { same, tied, otherNode, otherOutcome } = this.#counts;
    const decisions = same + tied + otherNode + otherOutcome;
    return { decisions, ...this.#counts, share: decisions === 0 ? 1 : (same + tied) / decisions };
  }
}
