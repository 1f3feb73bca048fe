/** Attempts to schedule: asks the scheduler in charge about a batch of pods, checks what it answers, and acts on it. */
import { errorCode, errorMessage } from '@timonel/sdk';
import type { Decision, PodInfo } from '@timonel/sdk/contracts/scheduler';
import type { BindingCycles } from '../binding/binding-cycle.ts';
import type { Core } from '../core.ts';
import { answerFault, checkDecision, type Departures } from './decision-check.ts';
import { inTime } from '../binding/in-time.ts';
import type { Outcomes } from './outcomes.ts';
import type { WaitingPod } from '../queue/waiting-pod.ts';

export interface AttemptSurroundings {
  readonly signal: AbortSignal;
  /** What came during the decision is made known to the queue. */
  readonly beforeActing: () => void;
}

export class Attempts {
  readonly #core: Core;
  readonly #cycles: BindingCycles;
  readonly #outcomes: Outcomes;
  readonly #signal: AbortSignal;
  readonly #beforeActing: () => void;
  #limit: number;

  constructor(core: Core, cycles: BindingCycles, outcomes: Outcomes, { signal, beforeActing }: AttemptSurroundings) {
    this.#core = core;
    this.#cycles = cycles;
    this.#outcomes = outcomes;
    this.#signal = signal;
    this.#beforeActing = beforeActing;
    this.#limit = core.config.batchSize;
  }

  /** How many pods the next batch may have. */
  get batchLimit(): number {
    return this.#limit;
  }

  /** Does not reject. */
  async schedule(batch: readonly WaitingPod[]): Promise<void> {
    const asked = batch.map(({ pod }) => pod);
    const startedMs = this.#core.env.clock.monotonic();
    this.#core.turn.watchDepartures();
    const decisions = await this.#ask(batch, asked, startedMs);
    const departures = this.#core.turn.departures();
    if (decisions === undefined) return;
    this.#limit = Math.min(this.#core.config.batchSize, 2 * this.#limit);
    this.#beforeActing();
    for (const [index, waiting] of batch.entries()) {
      const decision = decisions[index];
      const pod = asked[index];
      // Deleted, or bound by somebody else.
      if (decision === undefined || pod === undefined || this.#core.queue.get(waiting.uid) !== waiting) continue;
      // Whoever leads now decides anew.
      if (!this.#core.active()) this.#outcomes.again(waiting);
      else this.#actGuarded(waiting, () => this.#actOn(waiting, pod, decision, departures, startedMs));
    }
  }

  /** A fault of our own with one pod does not keep the others from what was decided for them. */
  #actGuarded(waiting: WaitingPod, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#core.fault(error);
      if (!this.#core.assumed.has(waiting.uid)) this.#outcomes.again(waiting);
    }
  }

  /** undefined: there is no usable answer, and all of the batch is in the queue again. */
  async #ask(
    batch: readonly WaitingPod[],
    asked: readonly PodInfo[],
    startedMs: number,
  ): Promise<readonly Decision[] | undefined> {
    const observer = this.#core.observer.deciding(asked, this.#core.state);
    try {
      const decisions = await this.#decideInTime(asked);
      const problem = answerFault(asked, decisions);
      if (problem !== undefined) throw new Error(problem);
      observer.decided(decisions);
      return decisions;
    } catch (error) {
      if (this.#signal.aborted) return undefined;
      observer.failed(error);
      this.#allFailed(batch, error, startedMs);
      return undefined;
    }
  }

  #actOn(waiting: WaitingPod, pod: PodInfo, decision: Decision, departures: Departures, startedMs: number): void {
    const { state, current, log } = this.#core;
    const checked = checkDecision(decision, pod, state, departures);
    if (checked.verdict === 'outdated') {
      log.debug({ pod: `${pod.namespace}/${pod.name}`, reason: checked.reason }, 'a decision came too late');
      this.#outcomes.again(waiting);
      return;
    }
    if (checked.verdict === 'fault') {
      const failure = { outcome: 'error' as const, podUid: pod.uid, plugin: current.name, message: checked.reason };
      this.#core.observer.refused(pod, checked.reason);
      this.#record(pod, failure);
      this.#outcomes.failed(waiting, failure, startedMs);
      return;
    }
    this.#record(pod, decision);
    if (decision.outcome === 'bind') this.#cycles.start(waiting, decision, startedMs);
    else if (decision.outcome === 'preempt') this.#outcomes.preempt(waiting, decision, startedMs);
    else if (decision.outcome === 'unschedulable') this.#outcomes.unschedulable(waiting, decision, startedMs);
    else this.#outcomes.failed(waiting, decision, startedMs);
  }

  #record(pod: PodInfo, decision: Decision): void {
    const { decisions, env, current, state } = this.#core;
    decisions.add(pod, decision, {
      at: env.clock.microTimestamp(),
      scheduler: current.name,
      nodeCount: state.nodeCount,
    });
  }

  #decideInTime(asked: readonly PodInfo[]): Promise<readonly Decision[]> {
    const { env, config, current, state, within } = this.#core;
    const ms = config.decisionTimeoutMs;
    const late = (): Error => new Error(`did not decide within ${ms} ms`);
    const ask = (): Promise<readonly Decision[]> => within(ms, () => current.service.decide(asked, state));
    return inTime(ask, { timers: env.timers, ms, signal: this.#signal, late });
  }

  /**
   * There is no usable answer. Of several pods one may be what the scheduler cannot stand: they are tried again at once in smaller
   * batches, until the one is found that fails alone.
   */
  #allFailed(batch: readonly WaitingPod[], error: unknown, startedMs: number): void {
    const { queue } = this.#core;
    if (errorCode(error) === 'ERR_SERVICE_UNAVAILABLE') {
      for (const waiting of batch) this.#outcomes.again(waiting);
      return;
    }
    const message = errorMessage(error);
    const plugin = this.#culprit(error);
    this.#limit = Math.max(1, Math.floor(batch.length / 4));
    if (isDivisible(batch)) {
      this.#outcomes.blame(`${plugin}: ${message}`);
      for (const waiting of batch) queue.giveBack(waiting);
      return;
    }
    for (const waiting of batch) {
      const failure = { outcome: 'error' as const, podUid: waiting.uid, plugin, message };
      this.#record(waiting.pod, failure);
      this.#outcomes.failed(waiting, failure, startedMs);
    }
  }

  /** Of a scheduler that was cut off, the plugin of the framework that ran. */
  #culprit(error: unknown): string {
    const { current } = this.#core;
    if (errorCode(error) !== 'ERR_PLUGIN_TIMEOUT') return current.name;
    try {
      return current.traits.traits?.running?.() ?? current.name;
    } catch {
      return current.name;
    }
  }
}

/** A pod group stays together. */
function isDivisible([first, ...others]: readonly WaitingPod[]): boolean {
  const group = first?.pod.class.group?.key;
  return others.some(({ pod }) => group === undefined || pod.class.group?.key !== group);
}
