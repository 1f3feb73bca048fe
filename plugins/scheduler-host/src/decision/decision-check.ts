/** A scheduler may answer anything: what of it can be acted on. */
import { errorMessage } from '@timonel/sdk';
import type { Decision, PodInfo, PreemptDecision } from '@timonel/sdk/contracts/scheduler';
import type { ClusterState } from '../state/cluster-state.ts';

/** What went while the scheduler decided: no fault of its own. */
export interface Departures {
  readonly nodes: ReadonlySet<string>;
  readonly pods: ReadonlySet<string>;
}

export type Checked =
  | { readonly verdict: 'fine'; readonly decision: Decision }
  /** The world has changed: the pod is decided about anew. */
  | { readonly verdict: 'outdated'; readonly reason: string }
  | { readonly verdict: 'fault'; readonly reason: string };

/** Faults that make the whole answer useless. */
export function answerFault(pods: readonly PodInfo[], answer: unknown): string | undefined {
  if (!Array.isArray(answer)) return 'answered something that is no list of decisions';
  if (answer.length !== pods.length) return `made ${answer.length} decisions for ${pods.length} pods`;
  const decisions = answer as readonly (Partial<Decision> | null | undefined)[];
  for (const [index, { uid, namespace, name }] of pods.entries()) {
    if (decisions[index]?.podUid !== uid) return `decided about another pod than ${namespace}/${name}`;
  }
  return undefined;
}

const fault = (reason: string): Checked => ({ verdict: 'fault', reason });

export function checkDecision(decision: Decision, pod: PodInfo, state: ClusterState, gone: Departures): Checked {
  try {
    return problemOf(decision, pod, state, gone) ?? { verdict: 'fine', decision };
  } catch (error) {
    return fault(`made a decision that cannot be read: ${errorMessage(error)}`);
  }
}

function problemOf(decision: Decision, pod: PodInfo, state: ClusterState, gone: Departures): Checked | undefined {
  switch (decision.outcome) {
    case 'bind':
      return checkNode(decision.nodeName, state, gone) ?? checkScores(decision.scores);
    case 'preempt':
      return (
        checkNode(decision.nodeName, state, gone) ??
        checkRejections(decision.rejections) ??
        checkVictims(decision, pod, state, gone)
      );
    case 'unschedulable':
      return checkRejections(decision.rejections) ?? checkTexts(decision.message, decision.preemption);
    case 'error':
      return checkTexts(decision.plugin, decision.message);
    default:
      return fault(`decided for the unknown outcome "${String((decision as { outcome?: unknown }).outcome)}"`);
  }
}

function checkTexts(...texts: readonly unknown[]): Checked | undefined {
  const whole = texts.every((text) => text === undefined || typeof text === 'string');
  return whole ? undefined : fault('gave a message that is no text');
}

function checkNode(nodeName: unknown, state: ClusterState, gone: Departures): Checked | undefined {
  if (typeof nodeName === 'string' && state.hasNode(nodeName)) return undefined;
  if (gone.nodes.has(nodeName as string)) return { verdict: 'outdated', reason: `node ${String(nodeName)} is gone` };
  return fault(`chose the node "${String(nodeName)}", which does not exist`);
}

function checkScores(scores: unknown): Checked | undefined {
  if (!Array.isArray(scores)) return fault('gave scores that are no list');
  const totals = scores as readonly ({ total?: unknown } | null)[];
  return totals.every((score) => Number.isFinite(score?.total)) ? undefined : fault('gave a score that is no number');
}

function checkRejections(rejections: unknown): Checked | undefined {
  if (!Array.isArray(rejections)) return fault('gave reasons that are no list');
  const entries = rejections as readonly (Record<string, unknown> | null)[];
  const whole = entries.every(
    (entry) =>
      typeof entry?.['plugin'] === 'string' &&
      typeof entry['reason'] === 'string' &&
      Number.isInteger(entry['nodeCount']),
  );
  return whole ? undefined : fault('gave a reason that is none');
}

function checkVictims(
  decision: PreemptDecision,
  pod: PodInfo,
  state: ClusterState,
  gone: Departures,
): Checked | undefined {
  if (pod.class.neverPreempts) return fault('preempts for a pod that must not preempt');
  if (!Array.isArray(decision.victims) || decision.victims.length === 0) return fault('preempts nobody');
  for (const victim of decision.victims) {
    const placed = state.placementOf(victim.uid);
    if (placed === undefined && gone.pods.has(victim.uid)) continue;
    const name = `${victim.namespace}/${victim.name}`;
    if (placed?.nodeName !== decision.nodeName) return fault(`preempts ${name}, which is not on ${decision.nodeName}`);
    if (placed.pod.class.priority >= pod.class.priority) return fault(`preempts ${name}, whose priority is not lower`);
  }
  return undefined;
}
