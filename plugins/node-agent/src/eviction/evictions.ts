/** Keeps the node usable: what can be had without harm is freed when something is short, then pods are ended, one at a time. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { Pod } from '@timonel/sdk/kube';
import type { Ending } from '../plan/ending.ts';
import type { Rejection } from '../admission/rejection.ts';
import { isCriticalPod, pressureRejection } from './admission.ts';
import { decide, noPressure, type PressurePolicy, type PressureState } from './decide.ts';
import type { MeasuredPod, PodMeasures } from './measure-pods.ts';
import type { NodeMeasures } from './measure-node.ts';
import { evictedReason, shortageMessage } from './messages.ts';
import type { Candidate } from './pod-use.ts';
import { ranked } from './rank.ts';
import { meaningOf, type NodePressure, type Observation, type Signal } from './signals.ts';
import { hasStorageLimit, storageExcess } from './storage-limits.ts';
import { metBy, type Threshold } from './thresholds.ts';

/** A pod as its worker has it. */
export interface Evictable extends MeasuredPod {
  readonly isActive: boolean;
  readonly isResting: boolean;
  end(ending: Ending): boolean;
  setFreeing(frees: boolean): void;
}

export interface EvictionPolicy extends PressurePolicy {
  readonly intervalMs: number;
  /** For pods that go because of a soft threshold. */
  readonly maxPodGraceMs: number;
  /** What pods may use together, where something is kept for others. */
  readonly allocatableMemoryBytes: number | undefined;
}

export interface EvictionParts {
  readonly env: Env;
  readonly log: Logger;
  readonly policy: EvictionPolicy;
  readonly pods: PodMeasures;
  measureNode(): Promise<NodeMeasures>;
  workers(): readonly Evictable[];
  /** Removes the images that nobody uses. */
  freeImages(): Promise<void>;
  event(pod: Pod, type: 'Warning', reason: string, message: string): void;
  nodeEvent(type: 'Warning', reason: string, message: string): void;
  /** The conditions are others than before. */
  changed(): void;
}

/** As the kubelet: for a hard threshold, and for who takes more than its limit. */
const immediateGraceMs = 1000;
/** For an evicted pod to be gone, and for what is freed. */
const cleanupMs = 30_000;
const pollMs = 200;

export class Evictions {
  readonly #parts: EvictionParts;
  #state: PressureState = noPressure;
  #conditions: readonly NodePressure[] = [];
  #timer: TimerHandle | undefined;
  #round: Promise<void> | undefined;
  #closed = false;

  constructor(parts: EvictionParts) {
    this.#parts = parts;
  }

  get conditions(): readonly NodePressure[] {
    return this.#conditions;
  }

  /** Undefined: the node takes the pod. */
  refusal(pod: Pod): Rejection | undefined {
    return pressureRejection(pod, this.#conditions);
  }

  start(): void {
    void this.run();
  }

  async stop(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#round;
  }

  /** Looks until nobody is evicted any more; then again after the interval. */
  run(): Promise<void> {
    this.#timer?.cancel();
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
      if (this.#closed) return;
      this.#timer = this.#parts.env.timers.after(this.#parts.policy.intervalMs, () => void this.run());
    });
    return this.#round;
  }

  async #rounds(): Promise<void> {
    try {
      while (!this.#closed) {
        const evicted = await this.#look();
        if (evicted === undefined) return;
        await this.#until(() => !isHeld(evicted));
      }
    } catch (error) {
      this.#parts.log.warn({ error: errorMessage(error) }, 'the node could not be measured, will retry');
    }
  }

  /** Who was evicted. */
  async #look(): Promise<Evictable | undefined> {
    const { env, pods, policy } = this.#parts;
    const workers = this.#parts.workers();
    const measures = await this.#measure();
    const { state, conditions, starved } = decide(this.#state, measures.observations, env.clock.monotonic(), policy);
    this.#state = state;
    this.#tell(conditions);
    pods.retain(workers);
    const diskIsShort = starved.some(({ signal }) => meaningOf(signal).condition === 'DiskPressure');
    if (!diskIsShort) for (const worker of workers) worker.setFreeing(false);
    const greedy = await this.#endGreedy(measures.ownImages);
    const [threshold] = starved;
    if (greedy !== undefined || threshold === undefined || this.#closed) return greedy;
    const { resource } = meaningOf(threshold.signal);
    this.#parts.nodeEvent('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    const left = await this.#reclaim(threshold, measures);
    return left === undefined ? undefined : this.#evictOne(threshold, left);
  }

  #tell(conditions: readonly NodePressure[]): void {
    const isSame =
      conditions.length === this.#conditions.length && conditions.every((each) => this.#conditions.includes(each));
    this.#conditions = conditions;
    if (isSame) return;
    if (conditions.length > 0) this.#parts.log.warn({ conditions }, 'the node is short of what pods need');
    else this.#parts.log.info({}, 'the node is short of nothing any more');
    this.#parts.changed();
  }

  async #measure(): Promise<NodeMeasures> {
    const { allocatableMemoryBytes: capacity } = this.#parts.policy;
    const measures = await this.#parts.measureNode();
    if (capacity === undefined) return measures;
    const stats = [...(await this.#parts.pods.stats()).values()];
    const used = stats.reduce((sum, { memoryWorkingSetBytes }) => sum + memoryWorkingSetBytes, 0);
    const ofPods: Observation = { available: Math.max(0, capacity - used), capacity };
    const observations = new Map<Signal, Observation>([
      ...measures.observations,
      ['allocatableMemory.available', ofPods],
    ]);
    return { ...measures, observations };
  }

  /** Pods that take more local storage than they may: all of them. Returns one. */
  async #endGreedy(ownImages: boolean): Promise<Evictable | undefined> {
    let found: Evictable | undefined;
    const none = new Map();
    for (const worker of this.#active().filter((each) => hasStorageLimit(each.pod()))) {
      const use = await this.#parts.pods.use(worker, none, true);
      const message = use === undefined ? undefined : storageExcess(worker.pod(), use, ownImages);
      if (message !== undefined && this.#evict(worker, message, immediateGraceMs, false)) found = worker;
    }
    return found;
  }

  /** What is free without harm: dead containers, images that nobody uses. Undefined: that was enough. */
  async #reclaim(threshold: Threshold, measures: NodeMeasures): Promise<NodeMeasures | undefined> {
    const isDisk = meaningOf(threshold.signal).condition === 'DiskPressure';
    if (!isDisk || (measures.ownImages && !threshold.signal.startsWith('imagefs'))) return measures;
    const { log, policy } = this.#parts;
    const workers = this.#parts.workers();
    for (const worker of workers) worker.setFreeing(true);
    await this.#until(() => workers.every(({ isResting }) => isResting));
    await this.#parts
      .freeImages()
      .catch((error: unknown) => log.warn({ error: errorMessage(error) }, 'images could not be removed'));
    const after = await this.#measure();
    return metBy(policy.thresholds, after.observations).length === 0 ? undefined : after;
  }

  async #evictOne(threshold: Threshold, measures: NodeMeasures): Promise<Evictable | undefined> {
    const { log, policy } = this.#parts;
    const { signal } = threshold;
    const candidates = await this.#candidates(meaningOf(signal).condition === 'DiskPressure');
    const graceMs = threshold.isHard ? () => immediateGraceMs : (pod: Pod) => softGraceMs(pod, policy.maxPodGraceMs);
    const order = ranked([...candidates.keys()], signal, measures.ownImages);
    for (const candidate of order) {
      const worker = candidates.get(candidate);
      const { pod, use } = candidate;
      if (worker === undefined) continue;
      const message = shortageMessage(threshold, measures.observations, pod, use);
      if (this.#evict(worker, message, graceMs(pod), true)) return worker;
    }
    log.warn({ signal, pods: candidates.size }, 'the node is short, and there is no pod that may be evicted');
    return undefined;
  }

  async #candidates(withSpace: boolean): Promise<Map<Candidate, Evictable>> {
    const { pods } = this.#parts;
    const stats = await pods.stats();
    const found = new Map<Candidate, Evictable>();
    for (const worker of this.#active()) {
      found.set({ pod: worker.pod(), use: await pods.use(worker, stats, withSpace) }, worker);
    }
    return found;
  }

  #evict(worker: Evictable, message: string, gracePeriodMs: number, isDisruption: boolean): boolean {
    const pod = worker.pod();
    if (isCriticalPod(pod) || this.#closed) return false;
    const ending = { reason: evictedReason, message, gracePeriodMs, isDisruption, leavesNothing: true };
    if (!worker.end(ending)) return false;
    const { name, namespace } = pod.metadata;
    this.#parts.log.warn({ pod: name, namespace, message: message.trim() }, 'pod evicted');
    this.#parts.event(pod, 'Warning', evictedReason, message);
    return true;
  }

  #active(): readonly Evictable[] {
    return this.#parts.workers().filter(({ isActive }) => isActive);
  }

  /** At most for as long as a clean-up may take. */
  async #until(holds: () => boolean): Promise<void> {
    const { clock, timers } = this.#parts.env;
    const end = clock.monotonic() + cleanupMs;
    while (!this.#closed && !holds() && clock.monotonic() < end) await timers.sleep(pollMs);
  }
}

/** Something of it is left. */
function isHeld({ containers, isResting }: Evictable): boolean {
  return containers.size > 0 || !isResting;
}

/** As the kubelet: what the configuration allows, and no more than the pod asks for. */
function softGraceMs({ spec }: Pod, mostMs: number): number {
  return Math.max(immediateGraceMs, Math.min(mostMs, (spec.terminationGracePeriodSeconds ?? 30) * 1000));
}
