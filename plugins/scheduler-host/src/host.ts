/**
 * The host of the scheduler in charge: puts its parts together and runs the loop. Decisions are made one batch after the other; all
 * that is written because of them runs beside the loop, which waits only when too much of it is under way.
 */
import { errorMessage, type HookCallers, type OptionalRef, type PluginContext } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Leadership } from '@timonel/sdk/contracts/leadership';
import type { PodInfo, Scheduler, schedulerHooks } from '@timonel/sdk/contracts/scheduler';
import { EventRecorder, informers, WorkWhileLeading, type Informers } from '@timonel/sdk/controller';
import { pods, type Pod } from '@timonel/sdk/kube';
import { PodClasses } from '@timonel/sdk/scheduling';
import { Assumed } from './state/assumed.ts';
import { Attempts } from './decision/attempts.ts';
import { BindingCycles } from './binding/binding-cycle.ts';
import { Blame } from './decision/blame.ts';
import { InformedObjects } from './state/cluster-objects.ts';
import { ClusterState } from './state/cluster-state.ts';
import type { Core, HostConfig, HostCounts } from './core.ts';
import { CurrentScheduler } from './decision/current-scheduler.ts';
import { DecisionLog } from './decision/decision-log.ts';
import { Intake } from './queue/intake.ts';
import { Nominations } from './state/nominations.ts';
import { Observers, type HostObserver } from './observers.ts';
import { Outcomes } from './decision/outcomes.ts';
import { PodQueue } from './queue/pod-queue.ts';
import type { QueueCounts } from './queue/queue-places.ts';
import { PodStatusWriter } from './status/pod-status.ts';
import { Preemptions } from './preemption/preemptions.ts';
import { Preemptor } from './preemption/preemptor.ts';
import { takeOff } from './state/take-off.ts';
import { Turn } from './queue/turn.ts';
import type { WaitingPod } from './queue/waiting-pod.ts';
import { WorkloadSelectors } from './state/workload-selectors.ts';

/** Whatever did not wake the loop is seen after this time: new traits of the scheduler in charge, expired assumptions. */
const longestSleepMs = 5_000;
/**
 * A question to the scheduler costs something whatever the number of pods in it. Where pods trickle in, the loop waits for more of them
 * in proportion to what the last question took, so that questions about few pods take a small part of the time at most.
 */
const worthwhileBatch = 8;
const pausePerDecision = 8;
const longestPauseMs = 10;
/** Events that wait to be written, and those that are at once. */
const eventLimit = 10_000;
const parallelEvents = 16;

type HostContext = Pick<PluginContext, 'name' | 'env' | 'log' | 'signal' | 'reportFault'> & {
  /** Cuts off a scheduler that loops without end. Absent: nothing does. */
  readonly within?: PluginContext['within'];
  readonly hooks: HookCallers<typeof schedulerHooks>;
};

/** What the host works with. */
export interface HostParts {
  readonly api: ApiClient;
  readonly scheduler: Scheduler;
  /** The name of the scheduler in charge. */
  readonly schedulerName: () => string;
  /** Default: classes of pods, spread by their workloads. */
  readonly infoOf?: (pod: Pod) => PodInfo;
  /** Told what happens. */
  readonly observers?: readonly HostObserver[];
  /** Absent: it schedules always. */
  readonly leadership?: OptionalRef<Leadership>;
}

export class SchedulerHost {
  readonly #ctx: HostContext;
  readonly #informers: Informers;
  readonly #core: Core;
  readonly #intake: Intake;
  readonly #cycles: BindingCycles;
  readonly #preemptor: Preemptor;
  readonly #attempts: Attempts;
  readonly #blame: Blame;
  /** Pods are queued and nodes counted all the time, so that a take-over finds everything at hand. */
  readonly #work: WorkWhileLeading;
  #running: Promise<void> | undefined;

  constructor(ctx: HostContext, parts: HostParts, config: HostConfig) {
    this.#ctx = ctx;
    this.#informers = informers(ctx, parts.api);
    this.#blame = new Blame(ctx.env, ctx.log);
    this.#core = this.#makeCore(parts, config);
    this.#intake = new Intake(this.#core);
    this.#intake.follow(this.#informers);
    this.#preemptor = new Preemptor(this.#core);
    const outcomes = new Outcomes(this.#core, this.#preemptor, this.#blame);
    this.#cycles = new BindingCycles(this.#core, (waiting, reason) => outcomes.refused(waiting, reason));
    this.#attempts = new Attempts(this.#core, this.#cycles, outcomes, {
      signal: ctx.signal,
      beforeActing: () => this.#catchUp(),
    });
    this.#work = new WorkWhileLeading({
      leadership: parts.leadership,
      refresh: () => this.#informers.relist(),
      onBegin: () => this.#begin(),
      onEnd: () => this.#cycles.cancelThose('another process leads', () => true),
    });
  }

  /** For parts that look into the host: what is decided on, what waits. */
  get core(): Core {
    return this.#core;
  }

  get counts(): Readonly<HostCounts> {
    return this.#core.counts;
  }

  /** The last decisions of each pod. */
  get decisions(): DecisionLog {
    return this.#core.decisions;
  }

  pending(): QueueCounts {
    return this.#core.queue.counts();
  }

  /** How long the pod that waits longest has done so; gated ones do not count. */
  oldestPendingMs(): number {
    const { queue, env } = this.#core;
    const now = env.clock.monotonic();
    let oldest = now;
    for (const { place, addedMs } of queue.all()) if (place !== 'gated') oldest = Math.min(oldest, addedMs);
    return now - oldest;
  }

  /** How many pods came to a part of the queue, by `place cause`. */
  get incoming(): ReadonlyMap<string, number> {
    return this.#core.queue.incoming;
  }

  /** Something may have changed that it is not told otherwise: another scheduler is in charge. */
  wake(): void {
    this.#core.turn.wake();
  }

  async start(): Promise<void> {
    this.#work.start();
    this.#informers.start();
    this.#running = this.#loop();
    await this.#informers.tried();
  }

  async stop(): Promise<void> {
    this.#work.stop();
    this.#core.turn.wake();
    await this.#cycles.stop();
    await this.#running;
    await this.#cycles.stop();
    await this.#preemptor.stop();
    await this.#core.status.idle();
    await this.#informers.stop();
  }

  #makeCore(parts: HostParts, config: HostConfig): Core {
    const { env, log, hooks } = this.#ctx;
    const { api } = parts;
    const turn = new Turn();
    const objects = new InformedObjects(this.#informers, (resource) => turn.emit({ kind: 'object-changed', resource }));
    const state = new ClusterState(objects);
    const current = new CurrentScheduler({
      service: parts.scheduler,
      name: parts.schedulerName,
      defaultProfile: config.schedulerName,
      blame: (message) => this.#blame.say(parts.schedulerName(), message),
    });
    return {
      api,
      env,
      log,
      hooks,
      config,
      infoOf: parts.infoOf ?? this.#podClasses(),
      state,
      queue: new PodQueue(current.traits),
      nominations: new Nominations(state),
      preemptions: new Preemptions(),
      assumed: new Assumed(),
      current,
      status: new PodStatusWriter(api, env, log, () => this.#work.active),
      recorder: this.#recorder(api, config),
      decisions: new DecisionLog(),
      turn,
      counts: { bound: 0, unschedulable: 0, bindErrors: 0, decisionErrors: 0, preemptions: 0 },
      observer: new Observers(parts.observers ?? [], log),
      fault: (error) => this.#fault(error),
      within: (limitMs, call) => (this.#ctx.within === undefined ? call() : this.#ctx.within(limitMs, call)),
      active: () => this.#work.active,
      cancelAdmission: (uid, reason) => this.#cycles.cancel(uid, reason),
      cancelAdmissionsTo: (name) => this.#cycles.cancelThose('the node is gone', ({ nodeName }) => nodeName === name),
    };
  }

  /** Events never delay a binding: there is time for most of them when no pods wait. */
  #recorder(api: ApiClient, { schedulerName }: HostConfig): EventRecorder {
    return new EventRecorder(this.#ctx, api, {
      component: schedulerName,
      queueLimit: eventLimit,
      parallel: parallelEvents,
      busy: () => this.#core.queue.counts().active > 0 || this.#cycles.writing || this.#preemptor.evicting,
    });
  }

  #podClasses(): (pod: Pod) => PodInfo {
    const workloads = new WorkloadSelectors(this.#informers);
    const classes = new PodClasses({ workloadSelector: (pod) => workloads.selectorFor(pod) });
    return (pod) => classes.infoOf(pod);
  }

  #begin(): void {
    const { queue, env, turn, status } = this.#core;
    status.readAnew();
    queue.retryAll(env.clock.monotonic());
    for (const waiting of queue.all()) this.#intake.lookAgain(waiting);
    turn.wake();
  }

  async #loop(): Promise<void> {
    const { env, signal } = this.#ctx;
    const { turn } = this.#core;
    while (!signal.aborted) {
      const batch = this.#nextBatch();
      if (batch.length === 0) await turn.sleep(env.timers, this.#sleepMs(), signal);
      else {
        const beganMs = env.clock.monotonic();
        await this.#attempts.schedule(batch);
        const tookMs = env.clock.monotonic() - beganMs;
        await this.#cycles.room();
        await this.#preemptor.room();
        await new Promise((resolve) => setImmediate(resolve));
        await turn.pause(env.timers, this.#pauseMs(batch.length, tookMs), signal);
      }
    }
  }

  #pauseMs(asked: number, tookMs: number): number {
    const { active } = this.#core.queue.counts();
    if (Math.max(asked, active) >= Math.min(worthwhileBatch, this.#attempts.batchLimit)) return 0;
    return Math.min(pausePerDecision * tookMs, longestPauseMs);
  }

  #nextBatch(): readonly WaitingPod[] {
    try {
      this.#beginTurn();
      const now = this.#ctx.env.clock.monotonic();
      return this.#work.active ? this.#core.queue.take(this.#attempts.batchLimit, now) : [];
    } catch (error) {
      this.#fault(error);
      return [];
    }
  }

  #fault(error: unknown): void {
    this.#ctx.log.error({ err: { message: errorMessage(error) } }, 'the scheduler host has a fault');
    this.#ctx.reportFault(error);
  }

  #sleepMs(): number {
    const { queue, env } = this.#core;
    const dueMs = this.#work.active ? queue.nextInMs(env.clock.monotonic()) : undefined;
    return Math.max(1, Math.min(dueMs ?? longestSleepMs, longestSleepMs));
  }

  #beginTurn(): void {
    for (const uid of this.#core.assumed.expired(this.#core.env.clock.monotonic())) this.#expire(uid);
    this.#catchUp();
  }

  /** If it has no node as far as we know, it waits. */
  #expire(uid: string): void {
    const { pod } = this.#core.state.placementOf(uid) ?? {};
    takeOff(this.#core, uid);
    const known = this.#informers.for(pods).get(`${pod?.namespace}/${pod?.name}`);
    if (known?.metadata.uid === uid) this.#intake.podSeen(known);
  }

  /** Brings the queue up to date with the scheduler in charge and with the cluster. */
  #catchUp(): void {
    const { env, current, queue, turn } = this.#core;
    const now = env.clock.monotonic();
    if (current.look(now)) {
      // What they wait for may have ended with that scheduler.
      this.#cycles.cancelThose('another scheduler is in charge', ({ traits }) => traits.scheduler !== current.name);
      queue.setRules(current.traits, now);
      this.#intake.reconsider(this.#informers.for(pods).list());
    }
    const events = turn.take();
    if (events === undefined) queue.retryAll(now);
    else queue.apply(events, now);
  }
}
