/**
 * From a decision to a bound pod: the pod is counted on its node at once, then admitted (Reserve, Permit, PreBind), then the binding is
 * written. Cycles run beside the loop, so many at once; whatever fails takes the pod off its node and back into the queue.
 */
import { errorMessage } from '@timonel/sdk';
import type { Admission, BindDecision, PodInfo } from '@timonel/sdk/contracts/scheduler';
import { pods } from '@timonel/sdk/kube';
import { bind, type BindOutcome } from './binder.ts';
import type { Core } from '../core.ts';
import type { GuardedTraits } from '../decision/current-scheduler.ts';
import { inTime } from './in-time.ts';
import { Lanes } from './lanes.ts';
import type { AttemptResult } from '../observers.ts';
import type { Failure } from '../queue/pod-queue.ts';
import { takeOff } from '../state/take-off.ts';
import type { WaitingPod } from '../queue/waiting-pod.ts';

/** Pods that are being admitted at once; more wait for their turn. */
const admissionLimit = 10_000;

/** What is known of an admission. */
export interface Admitting {
  readonly nodeName: string;
  /** Whoever admitted is told what became of it, also when it is not in charge any more. */
  readonly traits: GuardedTraits;
}

interface Cycle extends Admitting {
  readonly waiting: WaitingPod;
  /** As it was decided about. */
  readonly pod: PodInfo;
  readonly nominatedBefore: string | undefined;
  readonly startedMs: number;
  /** Undefined: nobody admits it, its binding is written at once. */
  readonly cancel: AbortController | undefined;
  /** Somebody ended it: no fault of anybody. */
  cancelled: boolean;
}

export class BindingCycles {
  readonly #core: Core;
  readonly #refused: (waiting: WaitingPod, reason: string) => void;
  readonly #admissions: Lanes;
  readonly #writes: Lanes;
  /** By uid. */
  readonly #admitting = new Map<string, Cycle>();

  /** `refused` is told why a plugin refused a pod that it had a node for. */
  constructor(core: Core, refused: (waiting: WaitingPod, reason: string) => void) {
    this.#core = core;
    this.#refused = refused;
    this.#admissions = new Lanes(admissionLimit, core.fault);
    this.#writes = new Lanes(core.config.parallelBindings, core.fault);
  }

  start(waiting: WaitingPod, decision: BindDecision, startedMs: number): void {
    const { assumed, state, nominations, preemptions, turn, current } = this.#core;
    const { pod, uid } = waiting;
    const { nodeName } = decision;
    const { traits } = current;
    const nominatedBefore = nominations.delete(uid);
    const cancel = traits.admits(pod) ? new AbortController() : undefined;
    const cycle: Cycle = { waiting, pod, nodeName, nominatedBefore, traits, startedMs, cancel, cancelled: false };
    assumed.add(uid, cycle);
    state.place(pod, nodeName);
    preemptions.drop(uid);
    turn.emit({ kind: 'pod-bound', pod, nodeName });
    if (nominatedBefore !== undefined && nominatedBefore !== nodeName) {
      turn.emit({ kind: 'pod-removed', pod, nodeName: nominatedBefore });
    }
    if (cancel === undefined) {
      this.#writes.run(() => this.#write(cycle));
      return;
    }
    this.#admitting.set(uid, cycle);
    this.#admissions.run(() => this.#admit(cycle, cancel));
  }

  /** Ends an admission. Answers whether there was one. */
  cancel(uid: string, reason: string): boolean {
    const cycle = this.#admitting.get(uid);
    if (cycle === undefined) return false;
    cycle.cancelled = true;
    cycle.cancel?.abort(new Error(reason));
    return true;
  }

  /** Ends the admissions that `concerns` answers true for. */
  cancelThose(reason: string, concerns: (admitting: Admitting) => boolean): void {
    for (const [uid, cycle] of this.#admitting) if (concerns(cycle)) this.cancel(uid, reason);
  }

  /** Resolves when there is room for the cycles of another batch. */
  async room(): Promise<void> {
    const { batchSize, parallelBindings } = this.#core.config;
    await this.#writes.below(Math.max(batchSize, 4 * parallelBindings));
    await this.#admissions.below(admissionLimit);
  }

  /** Whether bindings are being written. */
  get writing(): boolean {
    return this.#writes.size > 0;
  }

  async stop(): Promise<void> {
    this.cancelThose('the scheduler host stops', () => true);
    await this.#admissions.below(0);
    await this.#writes.below(0);
  }

  async #admit(cycle: Cycle, cancel: AbortController): Promise<void> {
    const { waiting, pod, nodeName } = cycle;
    try {
      const admission = await this.#admitInTime(cycle, cancel);
      if (admission.outcome === 'bound') this.#bound(cycle);
      else if (cycle.cancelled) this.#undo(cycle, { why: 'error' }, undefined);
      else if (admission.outcome === 'bind') this.#writes.run(() => this.#write(cycle));
      else {
        const { plugin, reason } = admission;
        this.#core.observer.bindingLost(pod, nodeName, { what: 'refused', plugin, message: reason });
        this.#undo(cycle, { why: 'unschedulable', plugins: [plugin] }, 'unschedulable');
        this.#refused(waiting, reason);
      }
    } catch (error) {
      if (cycle.cancelled) this.#undo(cycle, { why: 'error' }, undefined);
      else this.#failed(cycle, 'the admission of a pod failed', error);
    } finally {
      if (this.#admitting.get(pod.uid) === cycle) this.#admitting.delete(pod.uid);
    }
  }

  /** An admission that is cancelled or takes too long is not waited for; the scheduler is told by the signal. */
  #admitInTime({ traits, pod, nodeName }: Cycle, cancel: AbortController): Promise<Admission> {
    const { env, config } = this.#core;
    const late = (): Error => {
      const error = new Error(`the admission took longer than ${config.admissionTimeoutMs} ms`);
      cancel.abort(error);
      return error;
    };
    const limit = { timers: env.timers, ms: config.admissionTimeoutMs, signal: cancel.signal, late };
    return inTime(() => traits.admit(pod, nodeName, cancel.signal), limit);
  }

  async #write(cycle: Cycle): Promise<void> {
    const { pod, nodeName } = cycle;
    const { state, assumed, api } = this.#core;
    let result: BindOutcome = { outcome: 'obsolete', reason: 'the node is gone' };
    if (!assumed.isOf(pod.uid, cycle)) result = { outcome: 'obsolete', reason: 'it is bound, or gone' };
    else if (!this.#core.active()) result = { outcome: 'obsolete', reason: 'another process leads' };
    else if (state.hasNode(nodeName)) result = await bind(api, pod.pod, nodeName);
    if (result.outcome === 'bound') this.#bound(cycle);
    else if (result.outcome === 'obsolete') this.#undo(cycle, { why: 'error' }, undefined);
    else this.#failed(cycle, 'a binding failed', result.error);
  }

  #bound(cycle: Cycle): void {
    const { pod, nodeName, nominatedBefore, waiting } = cycle;
    const { uid, namespace, name } = pod;
    const { env, assumed, queue, status, counts, recorder, observer } = this.#core;
    const now = env.clock.monotonic();
    counts.bound += 1;
    assumed.written(uid, now, cycle);
    if (queue.get(uid) === waiting) queue.delete(uid);
    status.forget(uid);
    if (nominatedBefore !== undefined && nominatedBefore !== nodeName) status.clearNomination(pod.pod);
    cycle.traits.settled(pod, nodeName, true);
    observer.attempted('scheduled', now - cycle.startedMs);
    observer.bound(waiting, now - waiting.addedMs);
    const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
    recorder.record(pods, pod.pod, 'Normal', 'Scheduled', message);
    void this.#tellHook(cycle);
  }

  async #tellHook({ pod: { namespace, name, uid }, nodeName, traits }: Cycle): Promise<void> {
    const { hooks, log } = this.#core;
    if (hooks.podBound.size === 0) return;
    try {
      await hooks.podBound.call({ namespace, name, uid, nodeName }, { scheduler: traits.scheduler });
    } catch (error) {
      log.warn({ err: { message: errorMessage(error) } }, 'a tap of scheduler.pod.bound failed');
    }
  }

  #failed(cycle: Cycle, what: string, error: unknown): void {
    const { pod, nodeName } = cycle;
    this.#core.counts.bindErrors += 1;
    const fields = { pod: `${pod.namespace}/${pod.name}`, nodeName, err: { message: errorMessage(error) } };
    this.#core.log.warn(fields, what);
    this.#core.observer.bindingLost(pod, nodeName, { what: 'failed', error });
    this.#undo(cycle, { why: 'error' }, 'error');
  }

  #undo(cycle: Cycle, failure: Failure, result: AttemptResult | undefined): void {
    const { pod, nodeName, waiting, traits } = cycle;
    const { assumed, turn, queue, env, observer } = this.#core;
    const now = env.clock.monotonic();
    traits.settled(pod, nodeName, false);
    if (assumed.isOf(pod.uid, cycle)) {
      assumed.delete(pod.uid);
      takeOff(this.#core, pod.uid);
      this.#restoreNomination(cycle);
    }
    queue.failed(waiting, failure, now);
    if (result !== undefined) observer.attempted(result, now - cycle.startedMs);
    turn.wake();
  }

  /** Victims made room for it there, and its status says so. */
  #restoreNomination({ waiting, nominatedBefore }: Cycle): void {
    const { nominations, queue, state } = this.#core;
    if (nominatedBefore === undefined || queue.get(waiting.uid) !== waiting || !state.hasNode(nominatedBefore)) return;
    nominations.set(waiting.pod, nominatedBefore);
  }
}
