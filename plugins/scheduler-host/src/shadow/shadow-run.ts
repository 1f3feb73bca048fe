/**
 * A candidate that decides about the same pods on the same snapshots as the scheduler in charge, after it, and never binds. It gets a share
 * of the time; batches that come while it is behind are skipped and counted. Each batch begins with what really is.
 */
import type { TimerHandle } from '@timonel/sdk';
import type { Decision, PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import type { ShadowReport } from '@timonel/sdk/contracts/scheduler-shadow';
import { Backlog, type ObservedBatch } from './backlog.ts';
import { Candidate, type CandidateLimits, type CandidateParts } from './candidate.ts';
import { FiguresOfTwo } from './figures-of-two.ts';
import { ShadowSnapshot, SnapshotTap } from './shadow-snapshot.ts';
import { TimeBudget } from './time-budget.ts';

export interface ShadowConfig extends CandidateLimits {
  /** Of the time, for the candidate and for comparing. */
  readonly timeShare: number;
  /** Batches and pods that wait for the candidate. */
  readonly maxBatches: number;
  readonly maxPods: number;
  /** Differences that are kept. */
  readonly differences: number;
}

export const shadowDefaults: ShadowConfig = Object.freeze({
  // So that the one in charge loses less than a tenth, with all that comes on top.
  timeShare: 0.08,
  maxBatches: 32,
  maxPods: 4000,
  differences: 50,
  faultLimit: 10,
  decisionTimeoutMs: 10_000,
});

export interface ShadowParts extends CandidateParts {
  /** The candidate's plugin. */
  readonly name: string;
  /** The plugin in charge. */
  readonly inCharge: () => string;
  /** Told once, also when `end` was called. */
  readonly onEnd: (reason: string) => void;
}

/** The moment before a batch is decided. */
export interface Observation {
  readonly pods: readonly PodInfo[];
  readonly atMs: number;
  readonly scheduler: string;
}

export class ShadowRun {
  readonly #parts: ShadowParts;
  readonly #config: ShadowConfig;
  readonly #candidate: Candidate;
  readonly #figures: FiguresOfTwo;
  readonly #backlog: Backlog;
  readonly #budget: TimeBudget;
  readonly #tap = new SnapshotTap();
  readonly #snapshot = new ShadowSnapshot();
  readonly #startedAt: string;
  readonly #counts = { compared: 0, skipped: 0, laterObjects: 0, comparedPods: 0, skippedPods: 0, foreignPods: 0 };
  #open: Observation | undefined;
  #timer: TimerHandle | undefined;
  #deciding = false;
  #ended: { readonly reason: string; readonly at: string } | undefined;

  constructor(parts: ShadowParts, config: ShadowConfig = shadowDefaults) {
    this.#parts = parts;
    this.#config = config;
    this.#candidate = new Candidate(parts, config);
    this.#figures = new FiguresOfTwo(parts.env.clock, config.differences);
    this.#backlog = new Backlog(config);
    this.#budget = new TimeBudget(config.timeShare);
    this.#startedAt = parts.env.clock.timestamp();
  }

  get name(): string {
    return this.#parts.name;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Call it right before the scheduler in charge is asked, one batch at a time. undefined: this batch is not looked at. */
  deciding(pods: readonly PodInfo[], snapshot: SchedulerSnapshot): Observation | undefined {
    this.#open = undefined;
    if (this.hasEnded || pods.length === 0) return undefined;
    if (!this.#backlog.hasRoom(pods.length)) {
      this.#skip(pods);
      return undefined;
    }
    this.#tap.look(snapshot);
    this.#open = { pods, atMs: this.#parts.env.clock.monotonic(), scheduler: this.#parts.inCharge() };
    return this.#open;
  }

  /** What the scheduler in charge has answered. A batch without an answer needs no call. */
  decided(observation: Observation | undefined, live: readonly Decision[], liveMs: number): void {
    if (observation === undefined || observation !== this.#open || this.hasEnded) return;
    this.#open = undefined;
    const { pods, atMs, scheduler } = observation;
    // Calls wait while schedulers are swapped: then this one was answered on a later snapshot.
    if (this.#parts.inCharge() !== scheduler) {
      this.#skip(pods);
      return;
    }
    this.#backlog.push({ pods, rows: this.#tap.take(), atMs, live, liveMs });
    this.#plan();
  }

  podGone(uid: string): void {
    this.#figures.forget(uid);
  }

  end(reason: string): void {
    if (this.hasEnded) return;
    this.#ended = { reason, at: this.#parts.env.clock.timestamp() };
    this.#timer?.cancel();
    this.#backlog.clear();
    this.#open = undefined;
    this.#parts.onEnd(reason);
  }

  report(): ShadowReport {
    const { compared, skipped, laterObjects, comparedPods, skippedPods, foreignPods } = this.#counts;
    return {
      state: this.#ended === undefined ? 'running' : 'ended',
      ...(this.#ended === undefined ? {} : { reason: this.#ended.reason, endedAt: this.#ended.at }),
      startedAt: this.#startedAt,
      timeShare: this.#config.timeShare,
      batches: { compared, skipped, waiting: this.#backlog.size, laterObjects },
      pods: { compared: comparedPods, skipped: skippedPods, foreign: foreignPods },
      agreement: this.#figures.agreement,
      ...this.#figures.of(this.#parts.inCharge(), this.#parts.name),
      differences: this.#figures.differences,
      faults: this.#candidate.faults,
    };
  }

  #skip(pods: readonly PodInfo[]): void {
    this.#counts.skipped += 1;
    this.#counts.skippedPods += pods.length;
    for (const { uid } of pods) this.#figures.forget(uid);
  }

  /** A turn of its own: the answer of the one in charge is acted on first. */
  #plan(): void {
    if (this.#timer !== undefined || this.#deciding || this.hasEnded || this.#backlog.size === 0) return;
    const { clock, timers } = this.#parts.env;
    this.#timer = timers.after(this.#budget.readyInMs(clock.monotonic()), () => {
      this.#timer = undefined;
      void this.#turn();
    });
  }

  async #turn(): Promise<void> {
    const batch = this.#backlog.shift();
    if (batch === undefined) return;
    const { clock } = this.#parts.env;
    const startedMs = clock.monotonic();
    this.#deciding = true;
    await this.#decide(batch);
    this.#deciding = false;
    const now = clock.monotonic();
    this.#budget.spend(now, now - startedMs);
    const { finished } = this.#candidate;
    if (finished === undefined) this.#plan();
    else this.end(finished);
  }

  async #decide(batch: ObservedBatch): Promise<void> {
    const counts = this.#counts;
    this.#snapshot.show(batch.rows);
    const profiles = this.#candidate.profiles();
    const own = batch.pods.map((pod) => profiles.has(pod.class.schedulerName));
    const pods = batch.pods.filter((_pod, at) => own[at]);
    counts.foreignPods += batch.pods.length - pods.length;
    if (pods.length === 0) return;
    const later = batch.rows.objects?.generation !== batch.rows.objectsGeneration;
    const answer = await this.#candidate.decide(pods, this.#snapshot);
    if (answer === undefined || this.hasEnded) return;
    counts.compared += 1;
    counts.comparedPods += pods.length;
    if (later) counts.laterObjects += 1;
    const live = batch.live.filter((_decision, at) => own[at]);
    this.#figures.add(batch, pods, live, answer, this.#snapshot);
  }
}
