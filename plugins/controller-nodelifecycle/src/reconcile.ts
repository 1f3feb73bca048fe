/** What the state of a node asks for. Pure. */
import {
  act,
  findCondition,
  isPodReady,
  type Action,
  type Observation,
  type Reconciliation,
  type StatusPlan,
} from '@timonel/sdk/controller';
import { nodes, pods, type Node, type Pod } from '@timonel/sdk/kube';
import { statusOfSilent } from './node-status.ts';
import { isReady, taintsOf, wantedTaints, type Evicting } from './taints.ts';
import type { Turn } from './zones.ts';

export interface Health {
  /** Since its last sign of life. */
  readonly silentMs: number;
  /** How long it may be silent. */
  readonly graceMs: number;
}

export interface Observed extends Observation<Node>, Health {
  readonly turn: Turn | undefined;
  /** Those on the node, if they matter. */
  readonly pods: readonly Pod[];
}

export function isSilent({ silentMs, graceMs }: Health): boolean {
  return silentMs >= graceMs;
}

export function isUnknown(node: Node): boolean {
  return findCondition(node.status?.conditions, 'Ready')?.status === 'Unknown';
}

function evictingOf(turn: Turn | undefined): Evicting {
  if (turn?.everywhere === true) return 'remove';
  return turn?.now === true ? 'add' : 'keep';
}

function taintNames(taints: readonly { key: string; effect: string }[]): string {
  return taints.map(({ key, effect }) => `${key}:${effect}`).join(', ');
}

function taintActions(node: Node, turn: Turn | undefined, timestamp: string): Action[] {
  const taints = wantedTaints(node, evictingOf(turn), timestamp);
  if (taints === undefined) return [];
  const isNew = (taint: { key: string; effect: string }): boolean =>
    !taintsOf(node).some(({ key, effect }) => key === taint.key && effect === taint.effect);
  const gone = taintsOf(node).filter(
    ({ key, effect }) => !taints.some((taint) => taint.key === key && taint.effect === effect),
  );
  const added = taintNames(taints.filter(isNew));
  const text = [
    added === '' ? '' : `the node needs ${added}`,
    gone.length === 0 ? '' : `it needs ${taintNames(gone)} no more`,
  ];
  const cause = { code: 'TaintsByCondition', text: text.filter((part) => part !== '').join('; ') };
  return [act.patch(nodes, node, { type: 'merge', body: { spec: { taints } } }, { cause })];
}

/** Nobody on the node says any more whether they are ready. */
function podActions(observed: Observed, node: Node): Action[] {
  const text = `node ${node.metadata.name} has not been heard of for ${Math.round(observed.silentMs / 1000)} s`;
  return observed.pods.filter(isPodReady).map((pod) => {
    const before = findCondition(pod.status?.conditions, 'Ready');
    const condition = { ...before, type: 'Ready', status: 'False', lastTransitionTime: observed.timestamp } as const;
    const conditions = (pod.status?.conditions ?? []).map((other) => (other === before ? condition : other));
    return act.status(
      pods,
      pod,
      { ...pod.status, conditions },
      {
        independent: true,
        cause: { code: 'NodeNotReady', text },
        event: {
          reason: 'NodeNotReady',
          message: 'the node is not ready',
          kind: 'Warning',
          about: { type: pods, object: pod },
        },
      },
    );
  });
}

function lostEvent(node: Node): Action {
  const text = `node ${node.metadata.name} is not heard of any more`;
  return act.event(
    nodes,
    { reason: 'NodeNotReady', message: `node ${node.metadata.name} status is now: NodeNotReady` },
    { code: 'NodeNotReady', text },
  );
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject: node, turn, timestamp } = observed;
  if (node === undefined) return { actions: [] };
  const silent = isSilent(observed);
  const actions = [
    ...(silent && isReady(node) ? [lostEvent(node)] : []),
    ...taintActions(node, turn, timestamp),
    ...(silent && isUnknown(node) ? podActions(observed, node) : []),
  ];
  const turnMs = turn?.now === false ? turn.waitMs : undefined;
  const timesMs = [silent ? undefined : observed.graceMs - observed.silentMs, turnMs];
  const nextMs = timesMs.filter((time) => time !== undefined);
  return { actions, requeueAfterMs: nextMs.length === 0 ? undefined : Math.max(1, Math.min(...nextMs)) };
}

export function statusOf(observed: Observed): StatusPlan<Node> | undefined {
  const { subject: node, timestamp } = observed;
  if (node === undefined || !isSilent(observed)) return undefined;
  return { status: statusOfSilent(node, timestamp) };
}
