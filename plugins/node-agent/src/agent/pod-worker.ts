/** Drives one pod: observe, plan, act, report; one step at a time. */
import type { ContainerRuntime, ContainerStatus, SandboxStatus } from '@timonel/sdk/contracts/runtime';
import type { Pod, PodStatus } from '@timonel/sdk/kube';
import { endPulls } from '../images/start-images.ts';
import { isFinished } from '../plan/containers.ts';
import type { Ending } from '../plan/ending.ts';
import { plan } from '../plan/plan.ts';
import { allocatedPod } from '../plan/resize.ts';
import { recallLost } from '../plan/recall.ts';
import { emptyMemory, failedMount, type PodMemory, type PodView, type ProbeVerdict } from '../plan/view.ts';
import { podStatus } from '../status/pod-status.ts';
import { newBackOffs } from '../status/back-off-events.ts';
import { StatusWriter } from '../status/writer.ts';
import type { Assignment } from '../checkpoint/checkpoint-file.ts';
import { execute, type PodRecord } from './executor.ts';
import { KnownPod } from './known-pod.ts';
import { observe } from './observe.ts';
import { resizeStep } from './resize.ts';
import { admit } from './pod-admission.ts';
import { PodRuntime } from './pod-runtime.ts';
import type { Holdings } from './runtimes.ts';
import type { AgentServices } from './services.ts';
import { StepLoop } from './step-loop.ts';

export class PodWorker implements PodRecord {
  readonly memory: PodMemory = emptyMemory();
  readonly sandboxes: Map<string, SandboxStatus> = new Map();
  readonly containers: Map<string, ContainerStatus> = new Map();
  readonly #services: AgentServices;
  readonly #writer: StatusWriter;
  readonly #loop: StepLoop;
  readonly #runtime: PodRuntime;
  readonly #known: KnownPod;
  #gone = false;
  #recalled = false;
  #toldOfAbsence = false;
  /** Ids of containers whose record is final and complete. */
  readonly #settled = new Set<string>();
  /** The status of the last step. */
  #reported: PodStatus | undefined;

  /** `former`: what another agent gave the pod. */
  constructor(
    services: AgentServices,
    pod: Pod,
    former: Assignment | undefined,
    onSettled: (worker: PodWorker) => void,
  ) {
    this.#services = services;
    this.#known = new KnownPod(pod);
    this.#runtime = new PodRuntime(services, former);
    this.#loop = new StepLoop({
      env: services.env,
      run: (work) => services.bound.run(work),
      step: () => this.#step(),
      failed: (error) => {
        const { name, namespace } = this.#pod.metadata;
        services.log.warn({ pod: name, namespace, error }, 'pod step failed, will retry');
      },
      settled: () => onSettled(this),
    });
    this.#writer = new StatusWriter({
      api: services.api,
      env: services.env,
      log: services.log,
      latest: () => this.#known.shown ?? this.#pod,
      learned: (fresh) => this.#known.learnShown(fresh),
    });
  }

  /** With the resources that it was granted. */
  pod(): Pod {
    return allocatedPod(this.#pod, this.memory.resize.allocated);
  }

  /** There may be room now for a resize that waits. */
  retryResize(): void {
    const { resize } = this.memory;
    if (resize.pending !== undefined) resize.pending = { ...resize.pending, retryAt: 0 };
    this.trigger();
  }

  get gone(): boolean {
    return this.#gone;
  }

  get handler(): string | undefined {
    return this.#runtime.handler;
  }

  /** To be remembered for as long as the pod lives. Undefined: nothing was made for it yet. */
  assignment(): Assignment | undefined {
    const { handler, leftTo } = this.#runtime;
    if (handler === undefined) return undefined;
    const firstId = this.#services.ids.of(this.#pod.metadata.uid ?? '');
    const sandboxes = [...new Set([...this.sandboxes.keys(), ...leftTo])];
    return { handler, ...(firstId === undefined ? {} : { firstId }), sandboxes };
  }

  runtime(): ContainerRuntime {
    return this.#runtime.get();
  }

  chooseRuntime(): Promise<ContainerRuntime> {
    return this.#runtime.choose(this.#pod);
  }

  /** Nothing is left of the pod, here or in the API. */
  get isOver(): boolean {
    return this.#gone && this.sandboxes.size === 0 && this.memory.dataRemoved;
  }

  /** No step runs and none is due at once, and nothing is fetched. */
  get isResting(): boolean {
    const isPulling = [...this.memory.pulls.values()].some(({ image }) => image === undefined);
    return this.#loop.isResting && !this.#writer.isWriting && !isPulling;
  }

  setPod(pod: Pod): void {
    if (this.#known.learn(pod)) this.trigger();
  }

  /** Of a static pod: what stands for it in the API. Undefined: nothing, so that nobody is told of it. */
  setMirror(mirror: Pod | undefined): void {
    if (this.#known.setMirror(mirror)) this.trigger();
  }

  setGone(last: Pod): void {
    this.#known.learn(last);
    this.#gone = true;
    this.#writer.close();
    this.trigger();
  }

  /** The node ends it. False: it ends already. */
  end(ending: Ending): boolean {
    if (!this.isActive) return false;
    this.memory.ending = ending;
    this.trigger();
    return true;
  }

  /** With true, what is not needed of it goes: of one that is over all, of another what earlier tries of its containers left. */
  setFreeing(frees: boolean): void {
    if (this.memory.frees === frees) return;
    this.memory.frees = frees;
    this.trigger();
  }

  /** It may take something of the node, now or later. */
  get isActive(): boolean {
    return !this.#gone && !isFinished(this.view());
  }

  /** Takes over what a runtime holds of this pod. */
  adopt(held: Holdings): void {
    this.#runtime.adopt(held);
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
    if (this.#recalled || this.#runtime.isAway(this.sandboxes)) return;
    this.#recalled = true;
    const lost = recallLost(this.#pod, [...this.containers.values()], this.#services.env.clock.now());
    for (const container of lost) this.memory.finished.set(container.name, container);
  }

  /** The runtimes were listed. `changed`: they are others than before. */
  runtimesListed(changed: boolean): void {
    // A pod that runs well takes no step by itself.
    if (this.#runtime.isAway(this.sandboxes)) return this.#tellOfAbsence();
    this.recall();
    if (this.#toldOfAbsence || (changed && this.memory.sandboxFailure !== undefined)) this.retrySandbox();
    this.#toldOfAbsence = false;
  }

  /** What its volumes are made of is another now, or who serves them. */
  retryVolumes(): void {
    const { starts } = this.memory;
    const waiting = [...starts].filter(([, { reason }]) => reason === failedMount);
    for (const [name, failure] of waiting) starts.set(name, { ...failure, retryAt: 0 });
    if (waiting.length > 0) this.trigger();
  }

  /** What a failed try waited for is there. */
  retrySandbox(): void {
    const { sandboxFailure } = this.memory;
    if (sandboxFailure !== undefined) this.memory.sandboxFailure = { ...sandboxFailure, retryAt: 0 };
    this.trigger();
  }

  /** A full list of the runtime without them: what this worker believed to be there is gone. */
  retainSandboxes(ids: ReadonlySet<string>): void {
    this.#runtime.listed();
    if (this.#loop.isRunning) return;
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
    this.#loop.trigger();
  }

  /** Ends the worker, not the pod. Resolves when its last step is done. */
  async close(): Promise<void> {
    this.#loop.close();
    this.#writer.close();
    endPulls(this.memory.pulls);
    await this.#loop.ended();
  }

  view(): PodView {
    return {
      pod: this.pod(),
      gone: this.#gone,
      sandboxes: [...this.sandboxes.values()],
      containers: [...this.containers.values()],
      memory: this.memory,
    };
  }

  async reportFinalStatus(): Promise<void> {
    if (this.#known.shown === undefined) return;
    await this.#writer.flush(this.#statusOf(this.view(), this.#services.env.clock.now()));
  }

  #statusOf(view: PodView, now: number): PodStatus {
    return podStatus(view, this.#services.nodeAddress(), now, this.#services.nodeAddress6());
  }

  catchUpStatus(): Promise<void> {
    return this.#writer.catchUp();
  }

  get #pod(): Pod {
    return this.#known.pod;
  }

  /** One observation, plan and its actions. False: nothing to do until something happens. */
  async #step(): Promise<boolean> {
    if (this.#runtime.isAway(this.sandboxes)) {
      this.#tellOfAbsence();
      return false;
    }
    await observe(this, this.#settled);
    if (!this.#gone) await admit(this.#services, this.memory, () => this.#newPod());
    const now = this.#services.env.clock.now();
    if (!this.#gone) await resizeStep(this.#services, this, this.#pod);
    const view = this.view();
    if (this.#gone || this.#pod.metadata.deletionTimestamp !== undefined || isFinished(view))
      endPulls(this.memory.pulls);
    const { actions, wakeAt } = plan(view, now);
    if (!this.#gone && !this.memory.finalReported) {
      this.#report(this.#statusOf(view, now));
    }
    for (const action of actions) {
      if (this.#loop.isClosed) return false;
      await execute(this.#services, this, action);
    }
    if (actions.length > 0 || this.#loop.isDirty) return true;
    if (wakeAt !== undefined) this.#loop.wakeIn(wakeAt - now);
    return false;
  }

  /** Undefined: something was made for it, or it is over. */
  #newPod(): Pod | undefined {
    const pod = this.#pod;
    const { phase } = pod.status ?? {};
    if (phase === 'Succeeded' || phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined) return undefined;
    const isNew = this.sandboxes.size === 0 && this.containers.size === 0 && this.memory.finished.size === 0;
    return isNew ? pod : undefined;
  }

  #tellOfAbsence(): void {
    if (this.#toldOfAbsence) return;
    this.#toldOfAbsence = true;
    const message = `The pod is left as it is: ${this.#runtime.absence()}`;
    this.#services.event(this.#pod, 'Warning', 'RuntimeNotReady', message);
    const { name, namespace } = this.#pod.metadata;
    this.#services.log.warn({ pod: name, namespace }, message);
  }

  #report(status: PodStatus): void {
    for (const { type, reason, message } of newBackOffs(this.#pod, this.#reported ?? this.#pod.status, status)) {
      this.#services.event(this.#pod, type, reason, message);
    }
    this.#reported = status;
    if (this.#known.shown !== undefined) this.#writer.set(status);
  }
}
