/** Everything that can be said about a pod now: refusals with figures, what would help, scores. */
import { errorMessage } from '../kernel/index.ts';
import type {
  ExplainedRejection,
  NodeRejection,
  NodeScore,
  PodExplanation,
  PodInfo,
} from '../contracts/scheduler/index.ts';
import type { Cycle, Findings } from './cycle.ts';
import { rank } from './ranking.ts';
import { triedPreemption } from './post-filtering.ts';

function explained(cycle: Cycle, pod: PodInfo, findings: Findings, rejection: NodeRejection): ExplainedRejection {
  const { detail = {}, unblock = 'change the pod or the nodes so that this rule is met' } =
    findings.refusal?.status ?? {};
  const plain = { ...rejection, detail, unblock };
  const rows = findings.rowsOf(rejection);
  const plugin = cycle.profile.all.find(({ name }) => name === rejection.plugin);
  const reason = { code: rejection.code, text: rejection.reason, resolvable: rejection.resolvable };
  if (plugin?.explain === undefined || rows.length === 0) return plain;
  try {
    const batch = { rows, count: rows.length, view: cycle.state };
    const state = cycle.stateOf(plugin, pod);
    return {
      ...rejection,
      ...cycle.guard.call(plugin.name, () => plugin.explain?.(pod, batch, reason, state)),
    } as ExplainedRejection;
  } catch (error) {
    return { ...plain, detail: { error: errorMessage(error) } };
  }
}

/** @throws PluginFault */
export function explain(cycle: Cycle, pod: PodInfo): PodExplanation {
  const findings = cycle.find(pod);
  // The columns are used again by whatever runs next.
  const kept: Findings = { ...findings, totals: findings.totals.slice(0, cycle.state.size) };
  const rejections = findings.rejections().map((rejection) => explained(cycle, pod, findings, rejection));
  const scores = scoresOf(cycle, kept);
  const preemption = scores.length > 0 ? 'not needed' : triedPreemption(cycle, pod, kept);
  return { feasibleNodes: findings.fitting, rejections, scores, preemption };
}

function scoresOf(cycle: Cycle, findings: Findings): NodeScore[] {
  const { first, second, third } = rank(findings.totals, cycle.state.size, 0);
  return [first, second, third].filter((row) => row >= 0).map((row) => cycle.scoreOf(row, findings));
}
