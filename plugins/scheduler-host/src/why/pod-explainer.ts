/** Explains pods: why one waits, and why one that has a node is there, or does not run. */
import type { Cause, ExplainedKind, ExplainedObject, Explainer, Why } from '@timonel/sdk/contracts/why';
import { boundedWhy } from '@timonel/sdk/contracts/why';
import type { Pod } from '@timonel/sdk/kube';
import { boundCauses, boundState } from './bound-causes.ts';
import { nodeCauses, plainCauses } from './node-causes.ts';
import { soundExplanation, type SoundExplanation } from './sound-explanation.ts';
import { unschedulableMessage, type PodExplainerParts } from './parts.ts';
import { pastDecisions } from './past-decisions.ts';
import { queueCause, timeText, waitingCauses, type Waiting } from './waiting-causes.ts';

const kinds: readonly ExplainedKind[] = [{ group: '', resource: 'pods' }];

export class PodExplainer implements Explainer {
  readonly #parts: PodExplainerParts;

  constructor(parts: PodExplainerParts) {
    this.#parts = parts;
  }

  kinds(): readonly ExplainedKind[] {
    return kinds;
  }

  async explain({ namespace = '', name }: ExplainedObject): Promise<Why | undefined> {
    const pod = await this.#parts.podNamed(namespace, name);
    if (pod === undefined) return undefined;
    return boundedWhy(pod.spec.nodeName ? this.#bound(pod, pod.spec.nodeName) : await this.#waiting(pod));
  }

  /** `more`: what else was left out. */
  #base(pod: Pod, more: readonly string[] = []): Pick<Why, 'object' | 'decisions' | 'cut'> {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const decisions = pastDecisions(this.#parts.decisionsOf(uid));
    const cut = [...(decisions.length === 0 && !this.#parts.leads() ? [notLeading] : []), ...more];
    return {
      object: { group: '', resource: 'pods', namespace, name, uid },
      decisions,
      ...(cut.length === 0 ? {} : { cut }),
    };
  }

  #bound(pod: Pod, nodeName: string): Why {
    const base = this.#base(pod);
    const causes = boundCauses(pod, this.#parts.nodeNamed(nodeName));
    const state = boundState(pod);
    const phase = pod.status?.phase ?? '';
    const done = phase === 'Succeeded' ? `it has done its work on node ${nodeName}` : `it runs on node ${nodeName}`;
    return { ...base, state, summary: causes[0]?.text ?? done, causes };
  }

  async #waiting(pod: Pod): Promise<Why> {
    const { infoOf, waiting: queuedOf, decisionsOf } = this.#parts;
    const uid = pod.metadata.uid ?? '';
    const waiting: Waiting = { pod, info: infoOf(pod), queued: queuedOf(uid), last: decisionsOf(uid).at(-1) };
    const first = waitingCauses(waiting, this.#parts);
    // Nobody looks at a pod that is being deleted.
    const explanation = pod.metadata.deletionTimestamp === undefined ? await this.#ask(pod) : undefined;
    const causes = [...withNext(first, explanation), ...(await this.#nodeCauses(waiting, explanation, first))];
    const { scores = [], preemption, omitted = 0 } = explanation ?? {};
    return {
      ...this.#base(pod, omitted === 0 ? [] : [`refusals of nodes: ${omitted} more`]),
      state: stateOf(pod, causes[0]),
      summary: this.#summary(waiting, first, explanation, causes),
      causes,
      ...(scores.length === 0 ? {} : { scores }),
      ...(preemption === undefined || preemption === '' || preemption === 'not needed' ? {} : { preemption }),
      ...this.#place(waiting),
    };
  }

  /** What the scheduler in charge says of a pod now; undefined: it cannot say. */
  async #ask(pod: Pod): Promise<SoundExplanation | undefined> {
    const { inCharge, infoOf, snapshot } = this.#parts;
    const current = inCharge();
    const info = infoOf(pod);
    if (current?.service.explain === undefined || !current.profiles.has(info.class.schedulerName)) return undefined;
    try {
      return soundExplanation(await current.service.explain(info, snapshot));
    } catch {
      return undefined;
    }
  }

  async #nodeCauses(
    waiting: Waiting,
    explanation: SoundExplanation | undefined,
    first: readonly Cause[],
  ): Promise<readonly Cause[]> {
    const decision = waiting.last?.decision;
    const remembered = decision !== undefined && 'rejections' in decision ? plainCauses(decision.rejections) : [];
    if (explanation === undefined) return remembered;
    if (explanation.feasibleNodes > 0) {
      if (first.length === 0) return [queueCause(waiting, explanation.feasibleNodes, this.#parts)];
      // The group does not fit, though this member would.
      return first.some(({ code }) => code.startsWith('pod-group')) ? remembered : [];
    }
    if (this.#parts.snapshot.nodeCount === 0) return [noNodes];
    const { nodeNamed, clock } = this.#parts;
    const ask = async (pod: Pod): Promise<SoundExplanation> => {
      const answer = await this.#ask(pod);
      if (answer === undefined) throw new Error('the scheduler did not answer');
      return answer;
    };
    return nodeCauses(waiting.pod, explanation, { ask, nodeNamed, clock });
  }

  #summary(
    { last }: Waiting,
    first: readonly Cause[],
    explanation: SoundExplanation | undefined,
    causes: readonly Cause[],
  ): string {
    const { nodeCount } = this.#parts.snapshot;
    if (first.length === 0 && explanation?.feasibleNodes === 0) {
      const { rejections, preemption } = explanation;
      return unschedulableMessage(nodeCount, { rejections, preemption: preemption || undefined });
    }
    if (first.length === 0 && explanation === undefined && last?.decision.outcome === 'unschedulable') {
      return unschedulableMessage(last.nodeCount, last.decision);
    }
    return causes[0]?.text ?? 'no reason is known';
  }

  #place({ queued }: Waiting): Pick<Why, 'queue'> {
    if (queued === undefined) return {};
    const { clock } = this.#parts;
    const { place: part, attempts } = queued;
    const until = part === 'backoff' || part === 'unschedulable' ? timeText(clock, queued.notBefore) : undefined;
    const since = timeText(clock, queued.addedMs);
    return {
      queue: { part, attempts, ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) },
    };
  }
}

const noNodes: Cause = {
  component: 'scheduler',
  code: 'no-nodes',
  text: 'there are no nodes',
  unblock: 'join a node to the cluster: timonel agent',
};

const notLeading = 'decisions: another process leads, which knows them';

/** What comes once the first reasons are gone. */
function withNext(first: readonly Cause[], explanation: SoundExplanation | undefined): readonly Cause[] {
  const [root, ...others] = first;
  const waits = root?.code === 'scheduling-gates' || root?.code === 'gated';
  if (root === undefined || !waits || explanation === undefined || explanation.feasibleNodes === 0) return first;
  return [{ ...root, next: `nothing: ${explanation.feasibleNodes} nodes could take it now` }, ...others];
}

function stateOf({ metadata, status }: Pod, root: Cause | undefined): string {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (root?.code === 'scheduling-gates') return 'SchedulingGated';
  return root?.code === 'binding' ? 'Binding' : (status?.phase ?? 'Pending');
}
