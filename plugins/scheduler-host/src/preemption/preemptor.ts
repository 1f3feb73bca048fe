/** Carries a preemption out: the victims are told why and deleted, the pod waits for their going, the node is its own meanwhile. */
import { errorMessage } from '@timonel/sdk';
import type { PodInfo, PreemptDecision } from '@timonel/sdk/contracts/scheduler';
import { isConflict, isNotFound, pods, type Condition } from '@timonel/sdk/kube';
import type { Core } from '../core.ts';
import { Lanes } from '../binding/lanes.ts';
import { loseNomination } from '../state/lose-nomination.ts';
import type { WaitingPod } from '../queue/waiting-pod.ts';

const parallelDeletions = 64;
const fieldManager = 'scheduler-host';

export class Preemptor {
  readonly #core: Core;
  readonly #lanes: Lanes;

  constructor(core: Core) {
    this.#core = core;
    this.#lanes = new Lanes(parallelDeletions, core.fault);
  }

  /** The pod is in the queue again, and the victims are on their way; does not wait for them. */
  start(waiting: WaitingPod, decision: PreemptDecision): void {
    const { state, nominations, preemptions, queue, counts, observer } = this.#core;
    const { pod, uid } = waiting;
    const { nodeName } = decision;
    const uids = new Set(decision.victims.map((victim) => victim.uid));
    const victims = [...uids].flatMap((victim) => state.placementOf(victim)?.pod ?? []);
    counts.preemptions += 1;
    observer.preempted(victims.length);
    if (nominations.nodeOf(uid) !== nodeName) loseNomination(this.#core, pod);
    nominations.set(pod, nodeName);
    this.#yield(pod, nodeName);
    preemptions.begin(
      uid,
      victims.map((victim) => victim.uid),
    );
    if (victims.length === 0) queue.activate(uid);
    for (const victim of victims) this.#lanes.run(() => this.#evict(victim, waiting, nodeName));
  }

  /** Whether victims are being deleted. */
  get evicting(): boolean {
    return this.#lanes.size > 0;
  }

  async stop(): Promise<void> {
    await this.#lanes.below(0);
  }

  /** Resolves when there is room for the victims of another batch. */
  async room(): Promise<void> {
    await this.#lanes.below(1000);
  }

  /** Nominations of less important pods to the node end: they are decided about anew. */
  #yield(pod: PodInfo, nodeName: string): void {
    const { nominations, preemptions, queue, status } = this.#core;
    for (const lesser of nominations.below(pod.class.priority, nodeName)) {
      nominations.delete(lesser.uid);
      preemptions.drop(lesser.uid);
      status.write(lesser.pod, { nominatedNodeName: null });
      queue.activate(lesser.uid);
    }
  }

  async #evict(victim: PodInfo, waiting: WaitingPod, nodeName: string): Promise<void> {
    const { recorder, log, current } = this.#core;
    const { namespace, name, uid } = victim;
    const by = waiting.pod;
    try {
      if (!this.#core.active() || !this.#core.preemptions.waits(waiting.uid)) return;
      // Bound already, it has to be deleted all the same.
      if (this.#core.assumed.has(uid) && this.#core.cancelAdmission(uid, `preempted by ${by.namespace}/${by.name}`))
        return;
      if (victim.pod.metadata.deletionTimestamp !== undefined) return;
      await this.#tell(victim, by);
      await this.#core.api.delete(pods, { namespace, name }, { preconditions: { uid } });
      recorder.record(pods, victim.pod, 'Normal', 'Preempted', `Preempted by pod ${by.uid} on node ${nodeName}`);
    } catch (error) {
      // The informer will tell, or has told.
      if (isNotFound(error) || isConflict(error)) return;
      const fields = { pod: `${namespace}/${name}`, scheduler: current.name, err: { message: errorMessage(error) } };
      log.warn(fields, 'a victim of a preemption could not be deleted');
      this.#giveUp(waiting);
    }
  }

  async #tell(victim: PodInfo, by: PodInfo): Promise<void> {
    const condition: Condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${by.class.schedulerName}: preempting to accommodate a higher priority pod`,
      lastProbeTime: null,
      lastTransitionTime: this.#core.env.clock.timestamp(),
    };
    const { namespace, name, uid } = victim;
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    await this.#core.api.patch(
      pods,
      { namespace, name },
      { type: 'strategic', body },
      { subresource: 'status', fieldManager },
    );
  }

  /** It is decided about anew, and may choose other victims. */
  #giveUp({ uid, pod }: WaitingPod): void {
    const { preemptions, queue, status } = this.#core;
    if (!preemptions.waits(uid)) return;
    preemptions.drop(uid);
    loseNomination(this.#core, pod);
    status.write(pod.pod, { nominatedNodeName: null });
    queue.retry(uid, this.#core.env.clock.monotonic());
  }
}
