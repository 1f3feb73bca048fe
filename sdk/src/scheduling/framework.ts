/** A {@link Scheduler} out of plugins of the scheduling framework, in one or more profiles. */
import type {
  Admission,
  ClusterView,
  Decision,
  PluginFaults,
  PodExplanation,
  PodInfo,
  QueuedPod,
  RequeueHint,
  Scheduler,
  SchedulerSnapshot,
  SchedulerTraits,
  Status,
} from '../contracts/scheduler/index.ts';
import { success } from '../contracts/scheduler/index.ts';
import { BindingCycle } from './binding-cycle.ts';
import { Cycle } from './cycle.ts';
import { explain } from './explain.ts';
import type { Timers } from './permission.ts';
import { PluginFault, PluginGuard } from './plugin-guard.ts';
import { byGroup, decideGroup } from './pod-group.ts';
import { afterFilters } from './post-filtering.ts';
import { makeProfile, type PluginRegistry, type Profile, type ProfileSettings } from './profile.ts';
import { WorkingState } from './working-state.ts';

export interface FrameworkOptions {
  /** Plugins by name. */
  readonly registry: PluginRegistry;
  readonly profiles: readonly ProfileSettings[];
  /** For Permit. */
  readonly timers: Timers;
  /** In which order a batch is decided. Default: as it comes. */
  readonly order?: BatchOrder;
}

/**
 * Gives each part of a batch once: a single pod, or the members of a group. What `view` shows changes with every part that is decided. Pods
 * that it leaves out are tried again later.
 */
export type BatchOrder = (parts: readonly (readonly PodInfo[])[], view: ClusterView) => Iterable<readonly PodInfo[]>;

/** One profile with all it needs to run. */
interface Lane {
  readonly profile: Profile;
  readonly cycle: Cycle;
  readonly binding: BindingCycle;
}

/** A scheduler that can also be told to work by other profiles. */
export interface FrameworkScheduler extends Scheduler {
  readonly traits: SchedulerTraits;
  settings(): readonly ProfileSettings[];
  /** From the next decision on. @throws Error and changes nothing when a profile is wrong */
  configure(profiles: readonly ProfileSettings[]): void;
}

class Framework implements FrameworkScheduler {
  readonly #options: FrameworkOptions;
  #state = new WorkingState();
  /** Still set at the next call when one was cut off, which runs no `finally`. */
  #working = false;
  #guard = new PluginGuard();
  #lanes: ReadonlyMap<string, Lane>;
  #traits: SchedulerTraits;

  constructor(options: FrameworkOptions) {
    this.#options = options;
    this.#lanes = this.#lanesOf(options.profiles, this.#guard);
    this.#traits = this.#newTraits();
  }

  /** Another object after a change of profiles: whoever keeps what they said asks anew. */
  get traits(): SchedulerTraits {
    return this.#traits;
  }

  #newTraits(): SchedulerTraits {
    return {
      profiles: () => [...this.#lanes.keys()],
      compare: (a, b) => this.#compare(a, b),
      preEnqueue: (pod) => this.#preEnqueue(pod),
      requeueHints: (plugin) => this.#requeueHints(plugin),
      admits: (pod) => this.#laneOf(pod)?.binding.admits(pod) ?? false,
      admit: (pod, nodeName, signal) => this.#admit(pod, nodeName, signal),
      settled: (pod, nodeName, bound) => this.#laneOf(pod)?.binding.settled(pod, nodeName, bound),
      running: () => this.#guard.running,
      faults: (): PluginFaults[] => this.#guard.faults(),
    };
  }

  settings(): readonly ProfileSettings[] {
    return [...this.#lanes.values()].map(({ profile }) => profile.settings);
  }

  configure(profiles: readonly ProfileSettings[]): void {
    const guard = new PluginGuard();
    this.#lanes = this.#lanesOf(profiles, guard);
    this.#guard = guard;
    this.#traits = this.#newTraits();
  }

  decide(pods: readonly PodInfo[], snapshot: SchedulerSnapshot): Promise<readonly Decision[]> {
    return Promise.resolve(this.#work(snapshot, () => this.#decideAll(pods)));
  }

  explain(pod: PodInfo, snapshot: SchedulerSnapshot): Promise<PodExplanation> {
    const explanation = this.#work(snapshot, () => {
      const lane = this.#laneOf(pod);
      if (lane === undefined) throw new Error(`no profile is named ${pod.class.schedulerName}`);
      return this.#state.withoutNominated(pod, () => explain(lane.cycle, pod));
    });
    return Promise.resolve(explanation);
  }

  #work<T>(snapshot: SchedulerSnapshot, work: () => T): T {
    if (this.#working) this.#recover();
    this.#working = true;
    try {
      this.#state.sync(snapshot);
      return work();
    } finally {
      this.#working = false;
    }
  }

  /** The last call was cut off where it stood, because it did not return: what it worked on cannot be trusted. */
  #recover(): void {
    this.#guard.wasCutOff();
    this.#state = new WorkingState();
    this.#lanes = this.#lanesOf(this.settings(), this.#guard);
  }

  #decideAll(pods: readonly PodInfo[]): Decision[] {
    const byUid = new Map<string, Decision>();
    const open = new Set(pods.map(({ uid }) => uid));
    const parts = byGroup(pods);
    for (const given of this.#options.order?.(parts, this.#state) ?? parts) {
      const part = given.filter(({ uid }) => open.delete(uid));
      const isGroup = part[0]?.class.group !== undefined;
      const decisions = isGroup
        ? decideGroup(this.#state, part, (pod) => this.#decideOne(pod, false))
        : part.map((pod) => this.#decideOne(pod, true));
      for (const decision of decisions) byUid.set(decision.podUid, decision);
    }
    return pods.map(({ uid }) => byUid.get(uid) ?? leftOut(uid));
  }

  #decideOne(pod: PodInfo, mayPreempt: boolean): Decision {
    const lane = this.#laneOf(pod);
    if (lane === undefined) {
      const message = `no profile is named ${pod.class.schedulerName}`;
      return { outcome: 'error', podUid: pod.uid, plugin: '', message };
    }
    try {
      const decide = (): Decision => {
        const { decision, findings } = lane.cycle.decide(pod);
        return mayPreempt ? afterFilters(lane.cycle, pod, decision, findings) : decision;
      };
      return this.#state.withoutNominated(pod, decide, ({ outcome }) => outcome === 'bind' || outcome === 'preempt');
    } catch (error) {
      if (!(error instanceof PluginFault)) throw error;
      return { outcome: 'error', podUid: pod.uid, plugin: error.plugin, message: error.message };
    }
  }

  #lanesOf(profiles: readonly ProfileSettings[], guard: PluginGuard): ReadonlyMap<string, Lane> {
    const lanes = new Map<string, Lane>();
    for (const settings of profiles) {
      if (lanes.has(settings.schedulerName)) throw new Error(`two profiles are named "${settings.schedulerName}"`);
      const profile = makeProfile(settings, this.#options.registry);
      lanes.set(settings.schedulerName, {
        profile,
        cycle: new Cycle(this.#state, profile, guard),
        binding: new BindingCycle(profile, guard, this.#options.timers),
      });
    }
    if (lanes.size === 0) throw new Error('a scheduler needs at least one profile');
    return lanes;
  }

  #laneOf(pod: PodInfo): Lane | undefined {
    return this.#lanes.get(pod.class.schedulerName);
  }

  /** Every profile has the same queue: the first one that has an opinion sorts it. */
  #compare(a: QueuedPod, b: QueuedPod): number {
    for (const { profile } of this.#lanes.values()) {
      const sorter = profile.all.find((plugin) => plugin.queueSort !== undefined && !this.#guard.isOut(plugin.name));
      if (sorter !== undefined) return this.#guard.call(sorter.name, () => sorter.queueSort?.(a, b) ?? 0);
    }
    return b.pod.class.priority - a.pod.class.priority || a.sequence - b.sequence;
  }

  #preEnqueue(pod: PodInfo): Status {
    for (const plugin of this.#laneOf(pod)?.profile.all ?? []) {
      if (plugin.preEnqueue === undefined || this.#guard.isOut(plugin.name)) continue;
      const status = this.#guard.call(plugin.name, () => plugin.preEnqueue?.(pod) ?? success);
      if (status.code !== 'success' && status.code !== 'skip') return status;
    }
    return success;
  }

  #requeueHints(name: string): readonly RequeueHint[] | undefined {
    for (const { profile } of this.#lanes.values()) {
      const plugin = profile.all.find((candidate) => candidate.name === name);
      if (plugin !== undefined) return plugin.requeueHints;
    }
    return undefined;
  }

  #admit(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Admission> {
    const binding = this.#laneOf(pod)?.binding;
    return binding === undefined ? Promise.resolve({ outcome: 'bind' }) : binding.admit(pod, nodeName, signal);
  }
}

function leftOut(podUid: string): Decision {
  return { outcome: 'error', podUid, plugin: '', message: 'the order of the batch left the pod out' };
}

/** @throws Error when a profile names a plugin that nobody offers, or configures one wrongly */
export function frameworkScheduler(options: FrameworkOptions): FrameworkScheduler {
  return new Framework(options);
}
