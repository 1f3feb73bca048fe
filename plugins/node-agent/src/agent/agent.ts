/** The node agent: one worker for each pod of this node, fed by the API, the runtimes' events and lists, and timers. */
import { type Many, type StopReason, type TimerHandle } from '@timonel/sdk';
import type { ContainerRuntime, RuntimeEvent } from '@timonel/sdk/contracts/runtime';
import { compareResourceVersions, Informer, type ControllerHost } from '@timonel/sdk/controller';
import { pods, type Pod } from '@timonel/sdk/kube';
import type { Checkpoint } from '../checkpoint/checkpoint-file.ts';
import type { AgentConfig } from '../config.ts';
import { isStaticPod } from '../static-pods/identity.ts';
import { endsWithin } from './ends-within.ts';
import { GoneCheck, type PodIdentity } from './gone-check.ts';
import { labelKeys } from '../plan/identity.ts';
import type { NodeStatics } from '../static-pods/node-statics.ts';
import type { Holdings, Listing, Runtimes } from './runtimes.ts';
import { PodWorker } from './pod-worker.ts';
import { RuntimeLists } from './runtime-lists.ts';
import { removeContainers, strayPod } from './shutdown.ts';
import type { AgentServices } from './services.ts';

/** The removal of the containers needs the rest of the time that a plugin has for its stop. */
const stepsEndMs = 3000;

export interface AgentParts {
  readonly services: AgentServices;
  readonly host: ControllerHost;
  readonly config: AgentConfig;
  readonly runtimes: Runtimes;
  readonly providers: Many<ContainerRuntime>;
  /** What a former agent knew of this node's pods. */
  readonly checkpoint: Checkpoint | undefined;
  readonly statics: NodeStatics;
  /** After a worker came to rest: probes and others may look at its pod. */
  settled(worker: PodWorker): void;
  removed(worker: PodWorker): void;
  /** A pod came. */
  came(): void;
  /** The runtimes are known. */
  listed(): void;
  /** They are others than before. */
  runtimesChanged(): void;
}

export class Agent {
  readonly #parts: AgentParts;
  readonly #workers = new Map<string, PodWorker>();
  readonly #informer: Informer<Pod>;
  readonly #goneCheck: GoneCheck;
  readonly #lists: RuntimeLists;
  /** The pods as the informer showed them, by uid. */
  readonly #shown = new Map<string, Pod>();
  #checkpointTimer: TimerHandle | undefined;
  #usesCheckpoint = false;
  /** Pods of the last list of the runtimes. */
  #held: ReadonlySet<string> | undefined;
  #listed = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#informer = new Informer(parts.host, parts.services.api, pods, {
      fieldSelector: `spec.nodeName=${parts.config.nodeName}`,
    });
    this.#lists = new RuntimeLists({
      services: parts.services,
      runtimes: parts.runtimes,
      intervalMs: parts.config.relistIntervalMs,
      former: [...(parts.checkpoint?.assignments.values() ?? [])],
      ownSandboxes: () => this.workers().flatMap((worker) => [...worker.sandboxes.keys()]),
      onEvent: (event) => this.#onEvent(event),
      listed: (listing, changed) => this.#onListing(listing, changed),
    });
    const { api, env, log } = parts.services;
    this.#goneCheck = new GoneCheck({ api, env, log, newestSeen: () => this.newestSeen() });
  }

  /** The newest version of the API that this node has seen; empty: none. */
  newestSeen(): string {
    const { resourceVersion = '' } = this.#informer;
    const before = this.#parts.checkpoint?.resourceVersion ?? '';
    return compareResourceVersions(resourceVersion, before) < 0 ? before : resourceVersion;
  }

  /** False at first: neither the API nor the checkpoint was taken in. */
  get knowsPods(): boolean {
    return this.#informer.hasSynced || this.#usesCheckpoint;
  }

  /** Uids of all pods that this node works on or holds something of. Undefined: they are not known for certain. */
  knownUids(): ReadonlySet<string> | undefined {
    if (!this.#informer.hasSynced || this.#held === undefined) return undefined;
    return new Set([...this.#workers.keys(), ...this.#shown.keys(), ...this.#held]);
  }

  /** `uid`: of the pod, or of what stands in the API for it. */
  worker(uid: string): PodWorker | undefined {
    return this.#workers.get(uid) ?? this.#workers.get(this.#parts.statics.staticUid(uid) ?? '');
  }

  workers(): readonly PodWorker[] {
    return [...this.#workers.values()];
  }

  /** Those whose pods are still wanted, as far as is known: by the API or by a file of this node. */
  wanted(): readonly PodWorker[] {
    if (!this.#informer.hasSynced) return this.workers();
    return this.workers().filter((worker) => {
      const pod = worker.pod();
      return isStaticPod(pod) || this.#shown.has(pod.metadata.uid ?? '');
    });
  }

  /** Takes over what runs, then follows the API. Nothing is started before the runtimes were listed: it might run already. */
  start(): void {
    this.#parts.providers.onChange(() => this.#lists.now());
    this.#lists.now();
    void this.#informer.synced.then(
      () => this.#onSynced(),
      () => undefined,
    );
  }

  async stop(reason: StopReason): Promise<void> {
    this.#checkpointTimer?.cancel();
    this.#goneCheck.close();
    const steps = [this.#informer.stop(), this.#lists.stop(), ...this.workers().map((worker) => worker.close())];
    if (!(await endsWithin(this.#parts.services.env, stepsEndMs, Promise.all(steps)))) {
      // An API that does not answer (its disk is full) must not keep containers alive.
      this.#parts.services.log.warn(
        { waitedMs: stepsEndMs },
        'steps of pods did not end in time: stopping all the same',
      );
    }
    const ends = reason === 'shutdown' || reason === 'disable';
    if (ends && this.#parts.config.onShutdown === 'remove') {
      await removeContainers(this.#parts, this.workers());
    }
    this.#parts.runtimes.close();
  }

  #onListing(listing: Listing, changed: boolean): void {
    for (const held of listing.holdings) this.#holdIds(held);
    this.#held = new Set(listing.holdings.map(({ podUid }) => podUid));
    if (!this.#listed && (listing.listed.size > 0 || listing.failed.size === 0)) this.#first(listing.holdings);
    if (this.#listed) {
      this.#adopt(listing, changed);
      this.#parts.statics.listed();
    }
    if (changed) this.#parts.runtimesChanged();
  }

  #first(holdings: readonly Holdings[]): void {
    const { services, config } = this.#parts;
    this.#listed = true;
    this.#parts.listed();
    for (const held of holdings) this.#early.set(held.podUid, held);
    this.#informer.addHandler({
      added: (pod) => this.#onPod(pod),
      updated: (pod) => this.#onPod(pod),
      deleted: (pod) => this.#onDeleted(pod),
    });
    this.#informer.start();
    this.#checkpointTimer = services.env.timers.after(config.checkpointDelayMs, () => {
      if (!this.knowsPods) this.#useCheckpoint();
    });
  }

  /** The API is away: the pods are those that were known last. */
  #useCheckpoint(): void {
    const { checkpoint, services } = this.#parts;
    this.#usesCheckpoint = true;
    if (checkpoint === undefined) return;
    services.log.warn({ pods: checkpoint.pods.length }, 'going on with the pods that were known last');
    for (const pod of checkpoint.pods) this.#work(pod);
    this.#lists.now();
  }

  #onSynced(): void {
    this.#parts.statics.synced();
    const { checkpoint } = this.#parts;
    const isOlder = compareResourceVersions(this.#informer.resourceVersion, checkpoint?.resourceVersion) < 0;
    if (isOlder && !this.#usesCheckpoint) this.#useCheckpoint();
    if (this.#usesCheckpoint) {
      for (const pod of checkpoint?.pods ?? []) if (!this.#shown.has(pod.metadata.uid ?? '')) this.#checkGone(pod);
    }
    this.#lists.now();
  }

  #onDeleted(last: Pod): void {
    const uid = last.metadata.uid ?? '';
    // A watch tells of a deletion with the object's last state; a list only does not hold it any more.
    const isListed = this.#shown.get(uid) === last;
    this.#shown.delete(uid);
    if (!this.#workers.has(uid)) this.#parts.statics.mirrorGone(last);
    if (isListed) this.#checkGone(last);
    else this.#workers.get(uid)?.setGone(last);
  }

  #checkGone(pod: Pod): void {
    const identity = identityOf(pod);
    this.#goneCheck.begin(identity, (found) => {
      const worker = this.#workers.get(identity.uid);
      if (found === undefined) worker?.setGone(pod);
      else worker?.setPod(found);
    });
  }

  /** What the first list held, until the pods it belongs to are known. */
  readonly #early = new Map<string, Holdings>();

  #adopt({ holdings, listed }: Listing, changed: boolean): void {
    const present = new Set(holdings.flatMap((held) => held.sandboxes.map((sandbox) => sandbox.id)));
    for (const worker of this.#workers.values()) {
      if (worker.handler !== undefined && listed.has(worker.handler)) worker.retainSandboxes(present);
      worker.runtimesListed(changed);
    }
    for (const held of holdings) {
      const worker = this.#workers.get(held.podUid);
      if (worker !== undefined) worker.adopt(held);
      else if (isStatic(held)) this.#removeLostStatic(held);
      else if (this.#informer.hasSynced) this.#checkOrphan(held);
    }
    if (this.#informer.hasSynced) this.#early.clear();
  }

  #onPod(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    this.#shown.set(uid, pod);
    if (!this.#workers.has(uid) && this.#parts.statics.isMirror(pod)) this.#parts.statics.mirrorSeen(pod);
    else this.#work(pod);
  }

  /** Of a pod that does not come from the API. */
  workOn(pod: Pod): PodWorker {
    return this.#work(pod);
  }

  #work(pod: Pod): PodWorker {
    const uid = pod.metadata.uid ?? '';
    const known = this.#workers.get(uid);
    if (known !== undefined) {
      known.setPod(pod);
      return known;
    }
    const worker = this.#newWorker(pod);
    const early = this.#early.get(uid);
    if (early !== undefined) worker.adopt(early);
    worker.recall();
    worker.trigger();
    this.#parts.came();
    return worker;
  }

  #newWorker(pod: Pod): PodWorker {
    const { services, checkpoint } = this.#parts;
    const uid = pod.metadata.uid ?? '';
    const worker = new PodWorker(services, pod, checkpoint?.assignments.get(uid), (settled) =>
      this.#onSettled(settled),
    );
    this.#workers.set(uid, worker);
    return worker;
  }

  /** From the runtime's own word: the checkpoint may be lost. */
  #holdIds({ podUid, sandboxes }: Holdings): void {
    for (const { labels } of sandboxes) {
      const firstId = Number(labels[labelKeys.firstId] ?? Number.NaN);
      if (Number.isInteger(firstId)) this.#parts.services.ids.hold(podUid, firstId);
    }
  }

  /** A runtime class came: its pods need not wait for their next try. */
  retryClass(name: string): void {
    for (const worker of this.#workers.values()) {
      if (worker.pod().spec.runtimeClassName === name) worker.retrySandbox();
    }
  }

  #onSettled(worker: PodWorker): void {
    if (!worker.isOver) {
      this.#parts.settled(worker);
      return;
    }
    const uid = worker.pod().metadata.uid ?? '';
    if (this.#workers.get(uid) === worker) this.#workers.delete(uid);
    this.#parts.services.ids.release(uid);
    this.#parts.removed(worker);
    void worker.close();
  }

  #checkOrphan(held: Holdings): void {
    const [sandbox] = held.sandboxes;
    if (sandbox === undefined) return;
    const { podName: name, podNamespace: namespace, podUid: uid } = sandbox;
    this.#goneCheck.begin({ name, namespace, uid }, (found) => {
      if (found === undefined && !this.#workers.has(uid)) this.#removeOrphan(held, { name, namespace, uid });
    });
  }

  /** Only this node knows whether there is to be such a pod: nobody is asked. */
  #removeLostStatic(held: Holdings): void {
    const [sandbox] = held.sandboxes;
    if (sandbox === undefined || this.#parts.statics.isWanted(held.podUid)) return;
    const { podName: name, podNamespace: namespace, podUid: uid } = sandbox;
    this.#removeOrphan(held, { name, namespace, uid });
  }

  /** A sandbox of this node whose pod was deleted while the agent was away. */
  #removeOrphan(held: Holdings, { name, namespace, uid }: PodIdentity): void {
    this.#parts.services.log.info({ pod: name, namespace }, 'removing a pod that was deleted while the agent was away');
    const pod = strayPod({ name, namespace, uid });
    const worker = this.#newWorker(pod);
    worker.adopt(held);
    worker.setGone(pod);
  }

  #onEvent(event: RuntimeEvent): void {
    const worker = this.#workers.get(event.podUid);
    if (event.type === 'sandbox-stopped') this.#lists.now();
    worker?.trigger();
  }
}

function isStatic({ sandboxes }: Holdings): boolean {
  return sandboxes.some(({ labels }) => labels[labelKeys.isStatic] === 'true');
}

function identityOf(pod: Pod): PodIdentity {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  return { name, namespace, uid };
}
