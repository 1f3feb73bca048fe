/** The log of decisions, as an answer shows it. */
import type { Decision } from '@timonel/sdk/contracts/scheduler';
import type { PastDecision } from '@timonel/sdk/contracts/why';
import { unschedulableMessage, type LoggedDecision } from './parts.ts';

function victimsText(victims: readonly { readonly namespace: string; readonly name: string }[]): string {
  const shown = victims.slice(0, 3).map(({ namespace, name }) => `${namespace}/${name}`);
  const more = victims.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function textOf(decision: Decision, nodeCount: number): string {
  switch (decision.outcome) {
    case 'bind':
      return `${decision.nodeName}, of ${decision.feasibleNodes} that could take it`;
    case 'preempt':
      return `${decision.nodeName}, once these have gone: ${victimsText(decision.victims)}`;
    case 'unschedulable':
      return unschedulableMessage(nodeCount, decision);
    case 'error':
      return decision.plugin === '' ? decision.message : `${decision.plugin}: ${decision.message}`;
  }
  return '';
}

/** The last one first. */
export function pastDecisions(logged: readonly LoggedDecision[]): readonly PastDecision[] {
  return logged.toReversed().map(({ at, scheduler, nodeCount, decision }) => ({
    time: at,
    by: scheduler,
    outcome: decision.outcome,
    text: textOf(decision, nodeCount),
    ...(decision.outcome === 'bind' && decision.scores.length > 0 ? { scores: decision.scores } : {}),
  }));
}
