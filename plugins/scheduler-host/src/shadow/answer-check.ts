/** What is wrong with what a candidate answered. */
import type { Decision, PodInfo, PreemptDecision } from '@timonel/sdk/contracts/scheduler';
import type { ShadowSnapshot } from './shadow-snapshot.ts';

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** Checks the decisions about one batch, in order: a pod can be a victim of a later one. */
export class AnswerCheck {
  readonly #snapshot: ShadowSnapshot;
  /** By the node that the batch has put them on. */
  readonly #placed = new Map<string, PodInfo[]>();

  constructor(snapshot: ShadowSnapshot) {
    this.#snapshot = snapshot;
  }

  /** What is wrong with the decision about the next pod. */
  fault(decision: Decision, pod: PodInfo): string | undefined {
    switch (decision.outcome) {
      case 'bind': {
        const fault = nodeFault(decision.nodeName, this.#snapshot) ?? scoresFault(decision.scores);
        if (fault === undefined) this.#place(pod, decision.nodeName);
        return fault;
      }
      case 'unschedulable':
        return isList(decision.rejections) ? undefined : 'gave reasons that are no list';
      case 'preempt':
        return nodeFault(decision.nodeName, this.#snapshot) ?? this.#victimsFault(decision, pod);
      case 'error':
        return undefined;
      default:
        return `decided for the unknown outcome "${String((decision as { outcome: unknown }).outcome)}"`;
    }
  }

  #place(pod: PodInfo, nodeName: string): void {
    const placed = this.#placed.get(nodeName);
    if (placed === undefined) this.#placed.set(nodeName, [pod]);
    else placed.push(pod);
  }

  #victimsFault({ nodeName, victims }: PreemptDecision, pod: PodInfo): string | undefined {
    if (pod.class.neverPreempts) return 'preempts for a pod that must not preempt';
    if (!isList(victims) || victims.length === 0) return 'preempts nobody';
    const there = [...(this.#snapshot.row(nodeName)?.pods ?? []), ...(this.#placed.get(nodeName) ?? [])];
    const priorities = new Map(there.map((placed) => [placed.uid, placed.class.priority]));
    for (const { uid, namespace, name } of victims) {
      const priority = priorities.get(uid);
      if (priority === undefined) return `preempts ${namespace}/${name}, which is not on ${nodeName}`;
      if (priority >= pod.class.priority) return `preempts ${namespace}/${name}, whose priority is not lower`;
    }
    return undefined;
  }
}

function nodeFault(nodeName: string, snapshot: ShadowSnapshot): string | undefined {
  return snapshot.row(nodeName) === undefined ? `chose the node "${nodeName}", which does not exist` : undefined;
}

function scoresFault(scores: readonly { readonly total: number }[]): string | undefined {
  if (!isList(scores)) return 'gave scores that are no list';
  return scores.every((score) => Number.isFinite(score?.total)) ? undefined : 'gave a score that is no number';
}
