/** An observer of the host: the scheduler in charge is watched, and a candidate sees what it sees. */
import { errorCode, errorMessage, type TimerHandle } from '@timonel/sdk';
import type { PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import type { BatchObserver, HostObserver, LostBinding } from '../observers.ts';
import type { WaitingPod } from '../queue/waiting-pod.ts';
import { ActiveAges } from './active-ages.ts';
import { guardRailDefaults, type GuardRailLimits } from './guard-rails.ts';
import { ProbationWatch, type ProbationParts } from './probation-watch.ts';
import { shadowDefaults, type ShadowConfig } from './shadow-run.ts';
import { ShadowService, type ShadowServiceParts } from './shadow-service.ts';

const tickMs = 1000;

export type SchedulerWatchParts = Pick<ShadowServiceParts, 'env' | 'log' | 'within' | 'active'> &
  Pick<ProbationParts, 'watchHeapFloor'> & {
    /** All pods of the queue. */
    readonly waiting: () => Iterable<Pick<WaitingPod, 'uid' | 'place' | 'attempts'>>;
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

export class SchedulerWatch implements HostObserver {
  readonly shadow: ShadowService;
  readonly #parts: SchedulerWatchParts;
  readonly #probation: ProbationWatch;
  #ticks: TimerHandle | undefined;

  constructor(parts: SchedulerWatchParts, config: SchedulerWatchConfig = schedulerWatchDefaults) {
    this.#parts = parts;
    const ages = new ActiveAges();
    this.#probation = new ProbationWatch({
      ...parts,
      limits: config.guardRails,
      longestActiveMs: () => ages.look(parts.env.clock.monotonic(), parts.waiting()),
    });
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

  deciding(pods: readonly PodInfo[], snapshot: SchedulerSnapshot): BatchObserver {
    const { clock } = this.#parts.env;
    const scheduler = this.#probation.inCharge();
    const { run } = this.shadow;
    const observation = run?.deciding(pods, snapshot);
    const startedMs = clock.monotonic();
    this.#probation.asked();
    return {
      decided: (decisions) => {
        const ms = clock.monotonic() - startedMs;
        this.#probation.answered();
        this.#probation.decided(scheduler, pods.length, ms);
        run?.decided(observation, decisions, ms);
      },
      failed: (error) => {
        this.#probation.answered();
        // Nobody was there to answer.
        if (errorCode(error) === 'ERR_SERVICE_UNAVAILABLE') return;
        this.#probation.batchFailed(scheduler, clock.monotonic() - startedMs, errorMessage(error));
      },
    };
  }

  refused(_pod: PodInfo, reason: string): void {
    this.#probation.decisionRefused(reason);
  }

  bound(): void {
    this.#probation.bound();
  }

  /** What plugins refuse is their business, and no error. */
  bindingLost(_pod: PodInfo, _nodeName: string, why: LostBinding): void {
    if (why.what === 'failed') this.#probation.bindFailed(why.error);
  }

  podGone(uid: string): void {
    this.shadow.run?.podGone(uid);
  }
}
