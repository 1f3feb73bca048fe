/** Drives one pod: observe, plan, act, report; one step at a time. */
import { errorMessage, type TimerHandle } from '@timonel/sdk';
import type { ContainerRuntime, ContainerStatus, SandboxStatus } from '@timonel/sdk/contracts/runtime';
import { compareResourceVersions } from '@timonel/sdk/controller';
import type { Pod, PodStatus } from '@timonel/sdk/kube';
import { plan } from '../plan/plan.ts';
import { recallLost } from '../plan/recall.ts';
import { emptyMemory, type PodMemory, type PodView, type ProbeVerdict } from '../plan/view.ts';
import { podStatus } from '../status/pod-status.ts';
import { newBackOffs } from '../status/back-off-events.ts';
import { StatusWriter } from '../status/writer.ts';
import { withLogMessage } from '../logs/termination-message.ts';
import { execute, type PodRecord } from './executor.ts';
import type { Holdings } from './runtimes.ts';
import type { AgentServices } from './services.ts';

/** A pod that needs more steps than this in one go waits for a second: the bound against a plan that never settles. */
const stepLimit = 100;
const retryMs = 1000;

export class PodWorker implements PodRecord {
  readonly memory: PodMemory = emptyMemory();
  readonly sandboxes: Map<string, SandboxStatus> = new Map();
  readonly containers: Map<string, ContainerStatus> = new Map();
  readonly #services: AgentServices;
  readonly #writer: StatusWriter;
  readonly #onSettled: (worker: PodWorker) => void;
  #pod: Pod;
  #gone = false;
  #handler: string;
  /** Ids of containers whose record is final and complete. */
  readonly #settled = new Set<string>();
  /** The status of the last step. */
  #reported: PodStatus | undefined;
  #dirty = false;
  #running: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #closed = false;

  constructor(services: AgentServices, pod: Pod, handler: string, onSettled: (worker: PodWorker) => void) {
    this.#services = services;
    this.#pod = pod;
    this.#handler = handler;
    this.#onSettled = onSettled;
    this.#writer = new StatusWriter({
      api: services.api,
      env: services.env,
      log: services.log,
      latest: () => this.#pod,
      learned: (fresh) => this.#learn(fresh),
    });
  }

  pod(): Pod {
    return this.#pod;
  }

  get gone(): boolean {
    return this.#gone;
  }

  runtime(): ContainerRuntime {
    const runtime = this.#services.runtimes.get(this.#handler);
    if (runtime !== undefined) return runtime;
    const known = this.#services.runtimes.names().join(', ') || 'none';
    throw new Error(`no container runtime "${this.#handler}" on this node (there are: ${known})`);
  }

  /** Nothing is left of the pod, here or in the API. */
  get isOver(): boolean {
    return this.#gone && this.sandboxes.size === 0 && this.memory.dataRemoved;
  }

  /** No step runs and none is due at once. */
  get isResting(): boolean {
    return this.#running === undefined && !this.#dirty && !this.#writer.isWriting;
  }

  setPod(pod: Pod): void {
    if (this.#learn(pod)) this.trigger();
  }

  setGone(last: Pod): void {
    this.#learn(last);
    this.#gone = true;
    this.#writer.close();
    this.trigger();
  }

  /** Takes over what a runtime holds of this pod. */
  adopt(held: Holdings): void {
    if (held.sandboxes.length > 0) this.#handler = held.handler;
    let changed = false;
    for (const sandbox of held.sandboxes) {
      changed ||= this.sandboxes.get(sandbox.id)?.state !== sandbox.state;
      this.sandboxes.set(sandbox.id, sandbox);
    }
    for (const container of held.containers) {
      changed ||= this.containers.get(container.id)?.state !== container.state;
      // A settled record may hold more than the runtime's: its message.
      if (this.containers.get(container.id)?.state !== 'exited') this.containers.set(container.id, container);
    }
    if (changed) this.trigger();
  }

  /** Once, after what the runtime holds was adopted: remembers the containers that only the API still knows. */
  recall(): void {
    const lost = recallLost(this.#pod, [...this.containers.values()], this.#services.env.clock.now());
    for (const container of lost) this.memory.finished.set(container.name, container);
  }

  /** A full list of the runtime without them: what this worker believed to be there is gone. */
  retainSandboxes(ids: ReadonlySet<string>): void {
    if (this.#running !== undefined) return;
    for (const [id, sandbox] of this.sandboxes) {
      if (ids.has(id) || sandbox.state !== 'ready') continue;
      this.sandboxes.set(id, { ...sandbox, state: 'notready' });
      this.trigger();
    }
  }

  setVerdict(containerId: string, verdict: ProbeVerdict): void {
    this.memory.verdicts.set(containerId, verdict);
    this.trigger();
  }

  trigger(): void {
    if (this.#closed) return;
    this.#dirty = true;
    this.#running ??= this.#services.bound
      .run(() => this.#work())
      .finally(() => {
        this.#running = undefined;
        if (this.#dirty) this.trigger();
        else this.#onSettled(this);
      });
  }

  /** Ends the worker, not the pod. Resolves when its last step is done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#dirty = false;
    this.#timer?.cancel();
    this.#writer.close();
    await this.#running;
  }

  view(): PodView {
    return {
      pod: this.#pod,
      gone: this.#gone,
      sandboxes: [...this.sandboxes.values()],
      containers: [...this.containers.values()],
      memory: this.memory,
    };
  }

  async reportFinalStatus(): Promise<void> {
    await this.#writer.flush(podStatus(this.view(), this.#services.nodeAddress(), this.#services.env.clock.now()));
  }

  /** False: this is not newer than what is known. */
  #learn(pod: Pod): boolean {
    const known = this.#pod.metadata.resourceVersion;
    const given = pod.metadata.resourceVersion;
    if (known !== undefined && given !== undefined && compareResourceVersions(given, known) < 0) return false;
    this.#pod = pod;
    return true;
  }

  async #work(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    try {
      for (let step = 0; step < stepLimit && !this.#closed; step += 1) {
        this.#dirty = false;
        if (!(await this.#step())) return;
      }
      this.#wakeIn(retryMs);
    } catch (error) {
      const { name, namespace } = this.#pod.metadata;
      this.#services.log.warn({ pod: name, namespace, error: errorMessage(error) }, 'pod step failed, will retry');
      this.#dirty = false;
      this.#wakeIn(retryMs);
    }
  }

  /** One observation, plan and its actions. False: nothing to do until something happens. */
  async #step(): Promise<boolean> {
    await this.#observe();
    const now = this.#services.env.clock.now();
    const view = this.view();
    const { actions, wakeAt } = plan(view, now);
    if (!this.#gone && !this.memory.finalReported) {
      this.#report(podStatus(view, this.#services.nodeAddress(), now));
    }
    for (const action of actions) {
      if (this.#closed) return false;
      await execute(this.#services, this, action);
    }
    if (actions.length > 0 || this.#dirty) return true;
    if (wakeAt !== undefined) this.#wakeIn(wakeAt - now);
    return false;
  }

  #report(status: PodStatus): void {
    for (const message of newBackOffs(this.#reported ?? this.#pod.status, status)) {
      this.#services.event(this.#pod, 'Warning', 'BackOff', message);
    }
    this.#reported = status;
    this.#writer.set(status);
  }

  #wakeIn(delayMs: number): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#timer = this.#services.env.timers.after(Math.max(1, delayMs), () => this.trigger());
  }

  async #observe(): Promise<void> {
    for (const id of this.#settled) if (!this.containers.has(id)) this.#settled.delete(id);
    for (const { id } of this.containers.values()) {
      if (this.#settled.has(id)) continue;
      const status = await this.runtime().containerStatus(id);
      if (status === undefined) this.containers.delete(id);
      else if (status.state === 'exited') {
        this.containers.set(id, await withLogMessage(this.#pod, status));
        this.#settled.add(id);
      } else this.containers.set(id, status);
    }
    const { finished, stopping, verdicts } = this.memory;
    for (const container of this.containers.values()) {
      if (container.state !== 'exited') continue;
      stopping.delete(container.id);
      verdicts.delete(container.id);
      const before = finished.get(container.name);
      if (before === undefined || before.attempt <= container.attempt) finished.set(container.name, container);
    }
  }
}
