/** The loop: takes pending pods, asks the scheduler in charge, checks its decisions, binds. */
import { errorMessage, type HookCallers, type OptionalRef, type PluginContext } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Leadership } from '@timonel/sdk/contracts/leadership';
import {
  podRequest,
  type Decision,
  type NodeRejection,
  type PodBound,
  type Scheduler,
  type SchedulerSnapshot,
  type schedulerHooks,
} from '@timonel/sdk/contracts/scheduler';
import { EventRecorder, informers, WorkWhileLeading, type Informer, type Informers } from '@timonel/sdk/controller';
import { nodes, pods, type Node, type Pod } from '@timonel/sdk/kube';
import { bind, markUnschedulable } from './binder.ts';
import { unschedulableMessage } from './message.ts';
import { NodeState } from './node-state.ts';
import { PodQueue, type QueueCounts } from './pod-queue.ts';

export interface HostConfig {
  readonly schedulerName: string;
  readonly batchSize: number;
  readonly parallelBindings: number;
  readonly decisionTimeoutMs: number;
}

/** Figures since the start. */
export interface HostCounts {
  bound: number;
  unschedulable: number;
  bindErrors: number;
  decisionErrors: number;
}

/** A bound pod is counted on its node for this long before the informer must have confirmed it. */
const assumeLimitMs = 30_000;

const finished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

type HostContext = Pick<PluginContext, 'name' | 'env' | 'log' | 'signal' | 'reportFault'> & {
  readonly hooks: HookCallers<typeof schedulerHooks>;
};

/** What the host works with. */
export interface HostParts {
  readonly api: ApiClient;
  readonly scheduler: Scheduler;
  /** The name of the scheduler in charge. */
  readonly schedulerName: () => string;
  /** Told of each answered batch. */
  readonly onDecision?: (pods: number, ms: number) => void;
  /** Absent: it schedules always. */
  readonly leadership?: OptionalRef<Leadership>;
}

export class SchedulerHost {
  readonly counts: HostCounts = { bound: 0, unschedulable: 0, bindErrors: 0, decisionErrors: 0 };
  readonly #ctx: HostContext;
  readonly #api: ApiClient;
  readonly #scheduler: Scheduler;
  readonly #schedulerName: () => string;
  readonly #onDecision: HostParts['onDecision'];
  readonly #config: HostConfig;
  readonly #queue = new PodQueue();
  readonly #state = new NodeState();
  /** Uid → monotonic ms of the binding that the informer has not confirmed yet. */
  readonly #assumed = new Map<string, number>();
  readonly #informers: Informers;
  /** Pods are queued and nodes counted all the time, so that a take-over finds everything at hand. */
  readonly #work: WorkWhileLeading;
  readonly #events: EventRecorder;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(ctx: HostContext, parts: HostParts, config: HostConfig) {
    const { api } = parts;
    this.#ctx = ctx;
    this.#api = api;
    this.#scheduler = parts.scheduler;
    this.#schedulerName = parts.schedulerName;
    this.#onDecision = parts.onDecision;
    this.#config = config;
    this.#informers = informers(ctx, api);
    this.#work = new WorkWhileLeading({
      leadership: parts.leadership,
      refresh: () => this.#informers.relist(),
      onBegin: () => this.#clusterChanged(),
      onEnd: () => undefined,
    });
    this.#events = new EventRecorder(ctx, api, { component: config.schedulerName });
    const podInformer: Informer<Pod> = this.#informers.for(pods);
    podInformer.addHandler({
      added: (pod) => this.#podSeen(pod),
      updated: (pod) => this.#podSeen(pod),
      deleted: (pod) => this.#podGone(pod),
    });
    this.#informers.for(nodes).addHandler({
      added: (node) => this.#nodeSeen(node, undefined),
      updated: (node, old) => this.#nodeSeen(node, old),
      deleted: (node) => this.#state.removeNode(node.metadata.name ?? ''),
    });
  }

  pending(): QueueCounts {
    return this.#queue.counts();
  }

  async start(): Promise<void> {
    this.#work.start();
    this.#informers.start();
    this.#running = this.#loop();
    await this.#informers.tried();
  }

  async stop(): Promise<void> {
    this.#work.stop();
    this.#poke();
    await this.#running;
    await this.#informers.stop();
  }

  #poke(): void {
    this.#wake?.();
  }

  #podSeen(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    if (finished(pod)) {
      this.#queue.delete(uid);
      if (this.#state.remove(uid)) this.#clusterChanged();
      return;
    }
    if (pod.spec.nodeName) {
      this.#assumed.delete(uid);
      this.#queue.delete(uid);
      this.#state.place(pod, pod.spec.nodeName);
      return;
    }
    const mine = (pod.spec.schedulerName ?? 'default-scheduler') === this.#config.schedulerName;
    const gated = (pod.spec.schedulingGates ?? []).length > 0;
    if (!mine || gated || pod.metadata.deletionTimestamp !== undefined) {
      this.#queue.delete(uid);
      return;
    }
    if (this.#assumed.has(uid)) return;
    this.#queue.put(pod);
    this.#poke();
  }

  #podGone(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    this.#queue.delete(uid);
    this.#assumed.delete(uid);
    if (this.#state.remove(uid)) this.#clusterChanged();
  }

  #nodeSeen(node: Node, old: Node | undefined): void {
    this.#state.setNode(node);
    // Heartbeats change conditions only, which no rule reads.
    const matters =
      old === undefined ||
      JSON.stringify([old.spec, old.metadata.labels, old.status?.allocatable]) !==
        JSON.stringify([node.spec, node.metadata.labels, node.status?.allocatable]);
    if (matters) this.#clusterChanged();
  }

  #clusterChanged(): void {
    this.#queue.moveAll(this.#ctx.env.clock.monotonic());
    this.#poke();
  }

  async #loop(): Promise<void> {
    const { signal, env } = this.#ctx;
    while (!signal.aborted) {
      this.#expireAssumptions();
      const batch = this.#work.active ? this.#queue.take(this.#config.batchSize, env.clock.monotonic()) : [];
      if (batch.length === 0) await this.#idle();
      else {
        try {
          await this.#schedule(batch);
        } catch (error) {
          if (signal.aborted) return;
          this.counts.decisionErrors += 1;
          this.#ctx.log.error({ err: { message: errorMessage(error) } }, 'a batch of pods could not be scheduled');
          for (const pod of batch) this.#retry(pod);
        }
      }
    }
  }

  /** Sleeps until something is due or a change wakes it. */
  #idle(): Promise<void> {
    const { env, signal } = this.#ctx;
    const dueMs = this.#work.active ? this.#queue.nextInMs(env.clock.monotonic()) : undefined;
    const delayMs = Math.min(dueMs ?? 60_000, 60_000);
    return new Promise((resolve) => {
      const timer = env.timers.after(Math.max(1, delayMs), () => done());
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
      this.#wake = done;
    });
  }

  #retry(pod: Pod): void {
    this.#queue.failed(pod.metadata.uid ?? '', 'error', this.#ctx.env.clock.monotonic());
  }

  async #schedule(batch: readonly Pod[]): Promise<void> {
    const snapshot = this.#state.snapshot();
    const pending = batch.map((pod) => ({ pod, request: podRequest(pod) }));
    const startedAt = this.#ctx.env.clock.monotonic();
    const decisions = await this.#decideInTime(pending, snapshot);
    this.#onDecision?.(batch.length, this.#ctx.env.clock.monotonic() - startedAt);
    const problem = this.#checkShape(batch, decisions);
    if (problem !== undefined) throw new Error(`${this.#schedulerName()} ${problem}`);
    const work = batch.map((pod, index) => [pod, decisions[index]] as const);
    await this.#inParallel(work, async ([pod, decision]) => {
      if (decision === undefined) return;
      // Whoever leads now decides anew.
      if (!this.#work.active) this.#retry(pod);
      else if (decision.outcome === 'bind') await this.#bindOne(pod, decision.nodeName);
      else await this.#refuse(pod, snapshot.table.count, decision.rejections);
    });
  }

  async #decideInTime(
    pending: Parameters<Scheduler['decide']>[0],
    snapshot: SchedulerSnapshot,
  ): Promise<readonly Decision[]> {
    const { env, signal } = this.#ctx;
    const cut = new AbortController();
    const limit = env.timers.sleep(this.#config.decisionTimeoutMs, AbortSignal.any([signal, cut.signal])).then(() => {
      throw new Error(`${this.#schedulerName()} did not decide within ${this.#config.decisionTimeoutMs} ms`);
    });
    try {
      return await Promise.race([this.#scheduler.decide(pending, snapshot), limit]);
    } finally {
      cut.abort();
      limit.catch(() => undefined);
    }
  }

  #checkShape(batch: readonly Pod[], decisions: readonly Decision[]): string | undefined {
    if (!Array.isArray(decisions)) return 'answered something that is no list of decisions';
    if (decisions.length !== batch.length) return `made ${decisions.length} decisions for ${batch.length} pods`;
    for (const [index, pod] of batch.entries()) {
      const decision = decisions[index];
      if (decision?.podUid !== pod.metadata.uid) return 'decided for another pod than it was asked for';
      if (decision?.outcome === 'bind' && !this.#state.hasNode(decision.nodeName)) {
        return `chose the node "${decision.nodeName}", which does not exist`;
      }
    }
    return undefined;
  }

  async #inParallel<T>(work: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < work.length) {
        const item = work[next];
        next += 1;
        if (item !== undefined) await run(item);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#config.parallelBindings, work.length) }, worker));
  }

  async #bindOne(pod: Pod, nodeName: string): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    const { namespace = '', name = '' } = pod.metadata;
    this.#assumed.set(uid, this.#ctx.env.clock.monotonic());
    this.#state.place(pod, nodeName);
    const result = await bind(this.#api, pod, nodeName);
    if (result.outcome === 'bound') {
      this.counts.bound += 1;
      this.#queue.delete(uid);
      this.#events.record(
        pods,
        pod,
        'Normal',
        'Scheduled',
        `Successfully assigned ${namespace}/${name} to ${nodeName}`,
      );
      const bound: PodBound = { namespace, name, uid, nodeName };
      if (this.#ctx.hooks.podBound.size > 0)
        await this.#ctx.hooks.podBound.call(bound, { scheduler: this.#schedulerName() });
      return;
    }
    if (this.#assumed.delete(uid)) this.#state.remove(uid);
    if (result.outcome === 'obsolete') {
      this.#queue.delete(uid);
      return;
    }
    this.counts.bindErrors += 1;
    this.#ctx.log.warn(
      { pod: `${namespace}/${name}`, nodeName, err: { message: errorMessage(result.error) } },
      'a binding failed',
    );
    this.#retry(pod);
  }

  async #refuse(pod: Pod, nodeCount: number, rejections: readonly NodeRejection[]): Promise<void> {
    this.counts.unschedulable += 1;
    this.#queue.failed(pod.metadata.uid ?? '', 'unschedulable', this.#ctx.env.clock.monotonic());
    const message = unschedulableMessage(nodeCount, rejections);
    try {
      const changed = await markUnschedulable(this.#api, pod, message, this.#ctx.env.clock.timestamp());
      if (changed) this.#events.record(pods, pod, 'Warning', 'FailedScheduling', message);
    } catch (error) {
      this.#ctx.log.warn({ err: { message: errorMessage(error) } }, 'the reason of a pending pod could not be written');
    }
  }

  /** Bindings that were written but never seen: the pod is gone, or the informer is far behind. */
  #expireAssumptions(): void {
    const now = this.#ctx.env.clock.monotonic();
    for (const [uid, since] of this.#assumed) {
      if (now - since < assumeLimitMs) break;
      this.#assumed.delete(uid);
      this.#state.remove(uid);
    }
  }
}
