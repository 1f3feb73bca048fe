/** What the host's loop tells: the scheduler in charge is watched, and a candidate sees what it sees. */
import { errorCode, errorMessage, type TimerHandle } from '@timonel/sdk';
import type { Decision, PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler2';
import { guardRailDefaults, type GuardRailLimits } from './guard-rails.ts';
import { ProbationWatch, type ProbationParts } from './probation-watch.ts';
import { shadowDefaults, type Observation, type ShadowConfig } from './shadow-run.ts';
import { ShadowService, type ShadowServiceParts } from './shadow-service.ts';

const tickMs = 1000;

export type SchedulerWatchParts = Pick<ShadowServiceParts, 'env' | 'log' | 'within' | 'active'> &
  Pick<ProbationParts, 'longestActiveMs' | 'watchHeapFloor'> & {
    readonly control: ShadowServiceParts['control'] & ProbationParts['control'];
  };

export interface SchedulerWatchConfig {
  readonly shadow: ShadowConfig;
  readonly guardRails: GuardRailLimits;
  readonly probationMs: number;
}

export const schedulerWatchDefaults: SchedulerWatchConfig = Object.freeze({
  shadow: shadowDefaults,
  guardRails: guardRailDefaults,
  probationMs: 60_000,
});

/** A batch that the scheduler in charge is asked about. */
export interface WatchedBatch {
  readonly scheduler: string;
  readonly pods: number;
  readonly startedMs: number;
  readonly observation: Observation | undefined;
}

export class SchedulerWatch {
  readonly shadow: ShadowService;
  readonly #parts: SchedulerWatchParts;
  readonly #probation: ProbationWatch;
  #ticks: TimerHandle | undefined;

  constructor(parts: SchedulerWatchParts, config: SchedulerWatchConfig = schedulerWatchDefaults) {
    this.#parts = parts;
    this.#probation = new ProbationWatch({ ...parts, limits: config.guardRails });
    this.shadow = new ShadowService({
      ...parts,
      inCharge: () => this.#probation.inCharge(),
      previous: () => this.#probation.previous,
      config: config.shadow,
      probationMs: config.probationMs,
    });
  }

  start(): void {
    this.#ticks ??= this.#parts.env.timers.every(tickMs, () => this.#probation.tick());
  }

  /** The plugin in shadow ends with the host's. */
  stop(): void {
    this.#ticks?.cancel();
    this.#ticks = undefined;
    this.#probation.stop();
    this.shadow.run?.end('the host of the schedulers has ended');
  }

  /** Right before the scheduler is asked, in the same turn of the event loop; one batch at a time. */
  deciding(pods: readonly PodInfo[], snapshot: SchedulerSnapshot): WatchedBatch {
    return {
      scheduler: this.#probation.inCharge(),
      pods: pods.length,
      observation: this.shadow.run?.deciding(pods, snapshot),
      startedMs: this.#parts.env.clock.monotonic(),
    };
  }

  /** It has answered, one decision for each pod. */
  decided({ scheduler, pods, startedMs, observation }: WatchedBatch, decisions: readonly Decision[]): void {
    const ms = this.#parts.env.clock.monotonic() - startedMs;
    this.#probation.decided(scheduler, pods, ms);
    this.shadow.run?.decided(observation, decisions, ms);
  }

  /** It has thrown, not answered in time, or answered something that is of no use as a whole. */
  failed({ scheduler, startedMs }: WatchedBatch, error: unknown): void {
    // Nobody was there to answer.
    if (errorCode(error) === 'ERR_SERVICE_UNAVAILABLE') return;
    this.#probation.batchFailed(scheduler, this.#parts.env.clock.monotonic() - startedMs, errorMessage(error));
  }

  /** A decision was checked and found to be against the contract: `chose the node "x", which does not exist`. */
  refused(reason: string): void {
    this.#probation.decisionRefused(reason);
  }

  bound(): void {
    this.#probation.bound();
  }

  /** The API refused the binding, or could not be reached; not: the pod is gone. */
  bindFailed(error: unknown): void {
    this.#probation.bindFailed(error);
  }

  /** A pod that waited is gone. */
  podGone(uid: string): void {
    this.shadow.run?.podGone(uid);
  }
}
