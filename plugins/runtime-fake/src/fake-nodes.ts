/** Many nodes without agents: Node objects whose pods are moved through their life by one loop, for tests of scale. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { Informer, WorkQueue, type ControllerHost } from '@timonel/sdk/controller';
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  nodes,
  objectKey,
  pods,
  type Node,
  type Pod,
} from '@timonel/sdk/kube';
import type { FakeConfig } from './config.ts';
import { renewLeases } from './leases.ts';
import { runningStatus } from './running-status.ts';

const retryMs = 500;

export class FakeNodes {
  readonly #host: ControllerHost;
  readonly #api: ApiClient;
  readonly #config: FakeConfig;
  readonly #env: Env;
  readonly #log: Logger;
  readonly #names: ReadonlySet<string>;
  readonly #pods: Informer<Pod>;
  readonly #queue: WorkQueue;
  /** Pods whose start delay is over or running, by uid. */
  readonly #starting = new Map<string, TimerHandle | undefined>();
  #workers: Promise<void>[] = [];
  #heartbeat: TimerHandle | undefined;

  constructor(host: ControllerHost, api: ApiClient, config: FakeConfig) {
    this.#host = host;
    this.#api = api;
    this.#config = config;
    this.#env = host.env;
    this.#log = host.log;
    this.#names = new Set(nodeNames(config));
    this.#pods = new Informer(host, api, pods);
    this.#queue = new WorkQueue(host.env);
  }

  start(): void {
    this.#pods.addHandler({
      added: (pod) => this.#look(pod),
      updated: (pod) => this.#look(pod),
      deleted: (pod) => this.#forget(pod),
    });
    this.#pods.start();
    for (let index = 0; index < this.#config.writes; index += 1) this.#workers.push(this.#work());
    this.#beat();
  }

  async stop(): Promise<void> {
    this.#heartbeat?.cancel();
    for (const timer of this.#starting.values()) timer?.cancel();
    await this.#pods.stop();
    this.#queue.shutDown();
    await Promise.all(this.#workers);
  }

  #look(pod: Pod): void {
    if (this.#names.has(pod.spec.nodeName ?? '')) this.#queue.add(objectKey(pod));
  }

  #forget(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    this.#starting.get(uid)?.cancel();
    this.#starting.delete(uid);
  }

  async #work(): Promise<void> {
    for (;;) {
      const key = await this.#queue.take();
      if (key === undefined) return;
      try {
        await this.#sync(key);
        this.#queue.forget(key);
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) {
          this.#log.debug({ pod: key, error: errorMessage(error) }, 'fake pod not written, will retry');
        }
        // A lost race comes back as an event; anything else must be tried again.
        if (!isNotFound(error)) this.#queue.addRateLimited(key);
      }
      this.#queue.done(key);
    }
  }

  async #sync(key: string): Promise<void> {
    const pod = this.#pods.get(key);
    if (pod === undefined) return;
    const { name = '', namespace, uid = '', deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      await this.#api.delete(pods, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid } });
      return;
    }
    if ((pod.status?.phase ?? 'Pending') !== 'Pending' || !this.#isDue(pod, key)) return;
    const status = runningStatus(pod, this.#env.clock.timestamp());
    await this.#api.updateStatus(pods, { ...pod, status }, { fieldManager: 'runtime-fake' });
  }

  /** False while the start delay runs; the key comes back when it is over. */
  #isDue(pod: Pod, key: string): boolean {
    if (this.#config.podStartDelayMs === 0) return true;
    const uid = pod.metadata.uid ?? '';
    if (this.#starting.has(uid)) return this.#starting.get(uid) === undefined;
    const timer = this.#env.timers.after(this.#config.podStartDelayMs, () => {
      this.#starting.set(uid, undefined);
      this.#queue.add(key);
    });
    this.#starting.set(uid, timer);
    return false;
  }

  #beat(): void {
    void this.#registerAndPlan();
  }

  async #registerAndPlan(): Promise<void> {
    const written = await this.#register();
    if (this.#host.signal.aborted) return;
    const delayMs = written ? this.#config.heartbeatIntervalMs : retryMs;
    this.#heartbeat = this.#env.timers.after(delayMs, () => this.#beat());
  }

  /** Makes the nodes that are not there. False: the API did not answer as it should. */
  async #register(): Promise<boolean> {
    const now = this.#env.clock.timestamp();
    try {
      const { items } = await this.#api.list(nodes);
      const known = new Map(items.map((node) => [node.metadata.name, node]));
      for (const name of this.#names) {
        if (this.#host.signal.aborted) return false;
        if (isReady(known.get(name))) continue;
        await this.#writeNode(name, known.get(name), now);
      }
      await this.#renewLeases();
      return true;
    } catch (error) {
      this.#log.debug({ error: errorMessage(error) }, 'fake nodes not registered, will retry');
      return false;
    }
  }

  /** Without them a controller that watches over nodes would think that they are gone. */
  #renewLeases(): Promise<void> {
    const { heartbeatIntervalMs, writes } = this.#config;
    const renewTime = this.#env.clock.microTimestamp();
    // What kubelets ask for, unless they come seldom.
    const leaseDurationSeconds = Math.max(40, Math.ceil((4 * heartbeatIntervalMs) / 1000));
    const { signal } = this.#host;
    return renewLeases({ api: this.#api, names: this.#names, renewTime, leaseDurationSeconds, writes, signal });
  }

  async #writeNode(name: string, present: Node | undefined, now: string): Promise<void> {
    const wanted = fakeNode(name, this.#config, now);
    const { status, ...object } = wanted;
    try {
      const node = present ?? (await this.#api.create(nodes, object));
      await this.#api.updateStatus(nodes, { ...node, ...(status === undefined ? {} : { status }) });
    } catch (error) {
      // The next beat lists again.
      if (!isAlreadyExists(error) && !isConflict(error)) throw error;
    }
  }
}

function isReady(node: Node | undefined): boolean {
  return node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

export function nodeNames(config: Pick<FakeConfig, 'nodes' | 'nodePrefix'>): string[] {
  return Array.from({ length: config.nodes }, (_, index) => `${config.nodePrefix}-${String(index).padStart(3, '0')}`);
}

function fakeNode(name: string, config: FakeConfig, now: string): Node {
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', type: 'fake' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: {},
    status: {
      capacity: { ...config.nodeCapacity },
      allocatable: { ...config.nodeCapacity },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'FakeReady', message: 'a fake node is always ready', ...times },
      ],
      addresses: [{ type: 'Hostname', address: name }],
    },
  };
}
