/** What the PodScheduled condition says, in the form of kube-scheduler. */
import type { NodeRejection } from '@timonel/sdk/contracts/scheduler';

/** Longer texts are cut: a condition is no log. */
const lengthLimit = 1024;

export interface WhyUnschedulable {
  readonly rejections: readonly NodeRejection[];
  readonly message?: string | undefined;
  readonly preemption?: string | undefined;
}

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`);

/**
 * `0/5 nodes are available: 2 node(s) had untolerated taint(s), 3 Insufficient cpu. preemption: …`. Reasons are sorted as text, so that
 * the same state has the same message.
 */
export function unschedulableMessage(nodeCount: number, { rejections, message, preemption }: WhyUnschedulable): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const { reason, nodeCount } of rejections) counts.set(reason, (counts.get(reason) ?? 0) + nodeCount);
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  const parts = [message === undefined ? [] : sentence(message), reasons.length === 0 ? [] : `${reasons.join(', ')}.`];
  const why = parts.flat().join(' ');
  const text = `0/${nodeCount} nodes are available${why === '' ? '.' : `: ${why}`}`;
  const whole = preemption === undefined ? text : `${text} preemption: ${sentence(preemption)}`;
  return whole.length <= lengthLimit ? whole : `${whole.slice(0, lengthLimit - 1)}…`;
}
