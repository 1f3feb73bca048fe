/**
 * A scheduler alone: what a host does beside asking it is done at once, in memory, and its time does not count. Every decision
 * comes true: pods are bound, victims are gone.
 */
import type { KubeObject, Node, Pod } from '@timonel/sdk/kube';
import type { Decision, PodInfo, Scheduler, Victim } from '@timonel/sdk/contracts/scheduler';
import { isPod, p50p99, podKey, type Cluster, type Measured, type ObjectRef } from './cluster.ts';
import { MemorySnapshot } from './memory-snapshot.ts';
import { Meter } from './meter.ts';
import { Placements } from './placements.ts';
import type { Utilisation } from './utilisation.ts';
import { Reached } from './waiting.ts';

const batchSize = 100;
/** The last of the measured pods are decided one by one: for the time of one decision. */
const singlesShare = 0.1;
const mostSingles = 500;
const defaultBackOffMs = 1_000;
const limitMs = 120_000;
const groupLabel = 'scheduling.timonel.dev/pod-group';

interface Parked {
  readonly pod: PodInfo;
  readonly since: number;
}

export interface MemoryClusterParts {
  readonly scheduler: Scheduler;
  readonly infoOf: (pod: Pod) => PodInfo;
  /** A refused pod is tried again after a change, but not before this time has passed. */
  readonly backOffMs?: number;
}

const isGated = (pod: Pod): boolean => ((pod.spec['schedulingGates'] ?? []) as readonly unknown[]).length > 0;

export class MemoryCluster implements Cluster {
  readonly #scheduler: Scheduler;
  readonly #infoOf: (pod: Pod) => PodInfo;
  readonly #backOffMs: number;
  readonly #snapshot = new MemorySnapshot();
  readonly #placements = new Placements();
  readonly #meter = new Meter();
  readonly #bound = new Reached('bound');
  readonly #attempted = new Reached('attempted');
  readonly #placed = new Map<string, { readonly pod: PodInfo; readonly nodeName: string }>();
  /** Key → node: where room was made for a pod. */
  readonly #nominated = new Map<string, string>();
  readonly #gone = new Set<string>();
  readonly #parked = new Map<string, Parked>();
  #queue: PodInfo[] = [];
  #taken = 0;
  #serial = 0;
  #changed = false;
  #isDriving = false;
  #isClosed = false;
  #failure: unknown;
  #singles = 0;
  /** Of batches while measuring. */
  #decidedMs = 0;
  #decidedPods = 0;
  #singleMs: number[] = [];

  constructor({ scheduler, infoOf, backOffMs = defaultBackOffMs }: MemoryClusterParts) {
    this.#backOffMs = backOffMs;
    this.#scheduler = scheduler;
    this.#infoOf = infoOf;
  }

  get utilisation(): Utilisation {
    return this.#placements.utilisation;
  }

  /** The scheduler is asked nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  create(objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      if (isPod(object)) this.#createPod(object);
      else if (object.kind === 'Node') this.#createNode(object as Node);
      else this.#setObject(object.kind ?? '', object.metadata.namespace, object.metadata.name ?? '', object);
    }
    this.#singles = Math.min(mostSingles, Math.floor((this.#queue.length - this.#taken) * singlesShare));
    this.#drive();
    return Promise.resolve();
  }

  remove({ kind, namespace, name }: ObjectRef): Promise<void> {
    if (kind === 'Pod') this.#removePod(`${namespace ?? 'default'}/${name}`);
    else if (kind === 'Node') {
      this.#snapshot.removeNode(name);
      this.#placements.removeNode(name);
    } else this.#setObject(kind, namespace, name, undefined);
    this.#drive();
    return Promise.resolve();
  }

  bound(pods: readonly string[]): Promise<void> {
    return this.#bound.all(pods, limitMs);
  }

  attempted(pods: readonly string[]): Promise<void> {
    return this.#attempted.all(pods, limitMs);
  }

  check(): void {
    this.#placements.check();
  }

  beginMeasuring(isMeasured: (pod: Pod) => boolean): void {
    this.#meter.begin(isMeasured);
    this.#decidedMs = 0;
    this.#decidedPods = 0;
    this.#singleMs = [];
  }

  endMeasuring(): Measured {
    if (this.#failure !== undefined) throw this.#failure;
    const { pods, bound, createToBoundMs } = this.#meter.end(performance.now());
    const perSecond = (this.#decidedPods / this.#decidedMs) * 1000;
    return { pods, bound, perSecond, createToBoundMs, cpuMicrosPerPod: Number.NaN, decisionMs: p50p99(this.#singleMs) };
  }

  #createPod(pod: Pod): void {
    pod.metadata.uid ??= `uid-${(this.#serial += 1)}`;
    this.#meter.created(pod, performance.now());
    if (isGated(pod)) this.#attempted.mark(podKey(pod));
    else this.#queue.push(this.#infoOf(pod));
  }

  #createNode(node: Node): void {
    this.#snapshot.addNode(node);
    this.#placements.addNode(node);
    this.#changed = true;
  }

  #setObject(kind: string, namespace: string | undefined, name: string, object: KubeObject | undefined): void {
    this.#snapshot.objects.set(kind, namespace, name, object);
  }

  #removePod(key: string): void {
    const placed = this.#placed.get(key);
    if (placed === undefined) {
      if (!this.#parked.delete(key)) this.#gone.add(key);
      return;
    }
    const { pod, nodeName } = placed;
    this.#placed.delete(key);
    this.#snapshot.displace(pod.uid, nodeName);
    this.#placements.displace(key);
    this.#changed = true;
  }

  /** Decides until nothing waits; whoever waits for pods learns what the scheduler did wrong. */
  #drive(): void {
    if (this.#isDriving || this.#failure !== undefined) return;
    this.#isDriving = true;
    this.#decideAll().catch((error: unknown) => {
      this.#failure = error;
      for (const reached of [this.#bound, this.#attempted]) reached.fail(error as Error);
    });
  }

  async #decideAll(): Promise<void> {
    await Promise.resolve();
    while (!this.#isClosed) {
      const batch = this.#take();
      if (batch.length > 0) await this.#decide(batch);
      else if (!this.#changed || this.#parked.size === 0) break;
      // Timers: churn goes on meanwhile.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
    // Nothing came in between: what comes from now on must begin anew.
    this.#isDriving = false;
  }

  #take(): PodInfo[] {
    if (this.#changed) this.#unpark();
    const waiting = this.#queue.length - this.#taken;
    const singles = this.#meter.isOn ? this.#singles : 0;
    const size = Math.min(batchSize, Math.max(1, waiting - singles));
    const batch: PodInfo[] = [];
    while (this.#taken < this.#queue.length && (batch.length < size || this.#continuesGroup(batch))) {
      const pod = this.#queue[this.#taken++] as PodInfo;
      if (!this.#gone.delete(podKey(pod.pod))) batch.push(pod);
    }
    if (this.#taken === this.#queue.length) {
      this.#queue = [];
      this.#taken = 0;
    }
    return batch;
  }

  /** Members of a group stay together. */
  #continuesGroup(batch: readonly PodInfo[]): boolean {
    const group = batch.at(-1)?.class.labels[groupLabel];
    return group !== undefined && this.#queue[this.#taken]?.class.labels[groupLabel] === group;
  }

  #unpark(): void {
    const now = performance.now();
    for (const [key, { pod, since }] of this.#parked) {
      if (now - since < this.#backOffMs) continue;
      this.#parked.delete(key);
      this.#queue.push(pod);
    }
    this.#changed = this.#parked.size > 0;
  }

  async #decide(batch: readonly PodInfo[]): Promise<void> {
    // A host makes its rows when something changes, not while somebody decides.
    void this.#snapshot.rows;
    const began = performance.now();
    const decisions = await this.#scheduler.decide(batch, this.#snapshot);
    const now = performance.now();
    if (decisions.length !== batch.length)
      throw new Error(`${decisions.length} decisions were made for ${batch.length} pods`);
    const measured = this.#meter.isOn;
    let done = 0;
    for (const [at, pod] of batch.entries()) {
      const decision = decisions[at] as Decision;
      if (decision.podUid !== pod.uid) throw new Error('a decision is about another pod than was asked for');
      if (this.#apply(pod, decision, now)) done += 1;
    }
    if (!measured) return;
    if (batch.length === 1) this.#singleMs.push(now - began);
    else {
      this.#decidedMs += now - began;
      this.#decidedPods += done;
    }
  }

  /** Returns whether it was a measured pod that is bound now. */
  #apply(pod: PodInfo, decision: Decision, now: number): boolean {
    const key = podKey(pod.pod);
    this.#attempted.mark(key);
    this.#nominate(pod, key, decision.outcome === 'preempt' ? decision.nodeName : undefined);
    switch (decision.outcome) {
      case 'bind': {
        const isMeasured = this.#meter.isMeasured(key);
        this.#placements.place(pod.pod, decision.nodeName);
        this.#snapshot.place(pod, decision.nodeName);
        this.#placed.set(key, { pod, nodeName: decision.nodeName });
        this.#meter.bound(key, now);
        this.#bound.mark(key);
        return isMeasured;
      }
      case 'preempt':
        for (const victim of decision.victims) this.#evict(victim);
        this.#queue.push(pod);
        return false;
      case 'unschedulable':
        this.#parked.set(key, { pod, since: now });
        return false;
      case 'error':
        throw new Error(`${decision.plugin}: ${decision.message}`);
    }
  }

  #nominate(pod: PodInfo, key: string, nodeName: string | undefined): void {
    const before = this.#nominated.get(key);
    if (before !== undefined) this.#snapshot.nominate(pod, before, false);
    this.#nominated.delete(key);
    if (nodeName === undefined) return;
    this.#snapshot.nominate(pod, nodeName, true);
    this.#nominated.set(key, nodeName);
  }

  #evict({ namespace, name }: Victim): void {
    this.#removePod(`${namespace}/${name}`);
  }
}
