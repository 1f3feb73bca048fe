/** What follows from decisions that bind nothing: conditions, events, the way back into the queue. */
import type { FailedDecision, PreemptDecision, UnschedulableDecision } from '@timonel/sdk/contracts/scheduler';
import { pods } from '@timonel/sdk/kube';
import type { Blame } from './blame.ts';
import type { Core } from '../core.ts';
import { loseNomination } from '../state/lose-nomination.ts';
import { unschedulableMessage } from '../status/message.ts';
import type { Preemptor } from '../preemption/preemptor.ts';
import type { WantedStatus } from '../status/pod-status.ts';
import type { WaitingPod } from '../queue/waiting-pod.ts';

export class Outcomes {
  readonly #core: Core;
  readonly #preemptor: Preemptor;
  readonly #blame: Blame;

  constructor(core: Core, preemptor: Preemptor, blame: Blame) {
    this.#core = core;
    this.#preemptor = preemptor;
    this.#blame = blame;
  }

  unschedulable(waiting: WaitingPod, decision: UnschedulableDecision, startedMs: number): void {
    this.#requeue(waiting, decision, startedMs);
    const message = unschedulableMessage(this.#core.state.nodeCount, decision);
    const nominatedNodeName = this.#losesNomination(waiting) ? null : undefined;
    this.#say(waiting, 'Unschedulable', message, nominatedNodeName === undefined ? {} : { nominatedNodeName });
  }

  preempt(waiting: WaitingPod, decision: PreemptDecision, startedMs: number): void {
    const { nodeName, rejections } = decision;
    this.#requeue(waiting, decision, startedMs);
    this.#preemptor.start(waiting, decision);
    const message = unschedulableMessage(this.#core.state.nodeCount, { rejections });
    this.#say(waiting, 'Unschedulable', message, { nominatedNodeName: nodeName });
  }

  failed(
    waiting: WaitingPod,
    { plugin, message }: Pick<FailedDecision, 'plugin' | 'message'>,
    startedMs: number,
  ): void {
    const { queue, counts, env, observer, current } = this.#core;
    const now = env.clock.monotonic();
    counts.decisionErrors += 1;
    const text = `${plugin}: ${message}`;
    this.#blame.say(current.name, text);
    queue.failed(waiting, { why: 'error' }, now);
    observer.attempted('error', now - startedMs);
    this.#say(waiting, 'SchedulerError', text);
  }

  /** The scheduler in charge broke its contract, and no pod in particular suffers from it. */
  blame(message: string): void {
    this.#blame.say(this.#core.current.name, message);
  }

  /** A plugin refused the pod after a node was found. */
  refused(waiting: WaitingPod, reason: string): void {
    this.#core.counts.unschedulable += 1;
    this.#say(waiting, 'Unschedulable', reason);
  }

  /** The world changed under the decision: it is decided about anew. */
  again(waiting: WaitingPod): void {
    this.#core.queue.failed(waiting, { why: 'error' }, this.#core.env.clock.monotonic());
  }

  #requeue(waiting: WaitingPod, { rejections }: Pick<UnschedulableDecision, 'rejections'>, startedMs: number): void {
    const { queue, counts, env, observer } = this.#core;
    const now = env.clock.monotonic();
    counts.unschedulable += 1;
    const plugins = rejections.map(({ plugin }) => plugin);
    queue.failed(waiting, { why: 'unschedulable', plugins }, now);
    observer.attempted('unschedulable', now - startedMs);
  }

  /** The room it was nominated for did not suffice. As long as victims are on their way, it may yet do. */
  #losesNomination({ pod, uid }: WaitingPod): boolean {
    const { nominations, preemptions, state } = this.#core;
    const nodeName = nominations.nodeOf(uid);
    if (nodeName === undefined || preemptions.waits(uid)) return false;
    const leaving = state
      .row(nodeName)
      ?.pods.some(
        (placed) => placed.pod.metadata.deletionTimestamp !== undefined && placed.class.priority < pod.class.priority,
      );
    return leaving !== true && loseNomination(this.#core, pod);
  }

  #say({ pod, uid }: WaitingPod, reason: string, message: string, more: WantedStatus = {}): void {
    const { status, recorder, queue } = this.#core;
    if (queue.get(uid) === undefined) return;
    const changed = status.write(pod.pod, { because: { reason, message }, ...more });
    if (changed) recorder.record(pods, pod.pod, 'Warning', 'FailedScheduling', message);
  }
}
