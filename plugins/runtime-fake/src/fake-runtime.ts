/** A container runtime whose containers are entries in a map. Keeps to the runtime contract, except for logs and exec. */
import type { Duplex } from 'node:stream';
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import {
  RuntimeError,
  updatedResources,
  type ContainerConfig,
  type ContainerRuntime,
  type ContainerStats,
  type ContainerStatus,
  type ExecSession,
  type ResourceUpdate,
  type RuntimeEvent,
  type RuntimeInfo,
  type SandboxConfig,
  type SandboxStatus,
} from '@timonel/sdk/contracts/runtime';
import type { FakeUsage, Stage } from './config.ts';
import { programOf, type Program } from './program.ts';

interface FakeContainer {
  status: ContainerStatus;
  readonly program: Program;
  exitTimer: TimerHandle | undefined;
  /** Called once when it has exited. */
  readonly waiters: (() => void)[];
}

/** What outlives a restart of the runtime. */
export class FakeMachine {
  readonly sandboxes: Map<string, SandboxStatus> = new Map();
  readonly logDirectories: Map<string, string> = new Map();
  readonly containers: Map<string, FakeContainer> = new Map();
  readonly listeners: Set<(event: RuntimeEvent) => void> = new Set();
}

const containerLimit = 100_000;
const noUsage: FakeUsage = { cpuMillis: 0, memoryBytes: 0 };
const nanosOfMilliCpuMs = 1000;
const sigkill = 9;
const sigterm = 15;

export class FakeRuntime implements ContainerRuntime {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #stages: readonly Stage[];
  readonly #machine: FakeMachine;
  readonly #usage: FakeUsage;
  readonly #own = new Set<(event: RuntimeEvent) => void>();

  /** `usage`: what each running container is said to use; nothing of it is measured. */
  constructor(
    env: Env,
    log: Logger,
    stages: readonly Stage[],
    machine: FakeMachine = new FakeMachine(),
    usage: FakeUsage = noUsage,
  ) {
    this.#usage = usage;
    this.#env = env;
    this.#log = log;
    this.#stages = stages;
    this.#machine = machine;
  }

  async info(): Promise<RuntimeInfo> {
    return { name: 'fake', version: '0.1.0', isolation: 'none: nothing runs', ready: true, reason: '' };
  }

  async runSandbox(config: SandboxConfig): Promise<SandboxStatus> {
    const { sandboxes, logDirectories } = this.#machine;
    if (sandboxes.has(config.id)) throw new RuntimeError('FailedCreatePodSandBox', `sandbox ${config.id} exists`);
    if (sandboxes.size >= containerLimit)
      throw new RuntimeError('FailedCreatePodSandBox', `${containerLimit} sandboxes run`);
    const { id, podUid, podNamespace, podName, labels, hostNetwork } = config;
    const status: SandboxStatus = {
      id,
      podUid,
      podNamespace,
      podName,
      labels,
      state: 'ready',
      createdAt: this.#env.clock.now(),
      networkNamespace: hostNetwork ? undefined : `/run/fake/netns/${id}`,
      resources: config.resources,
    };
    sandboxes.set(id, status);
    logDirectories.set(id, config.logDirectory);
    return status;
  }

  async stopSandbox(id: string): Promise<void> {
    const sandbox = this.#machine.sandboxes.get(id);
    if (sandbox === undefined || sandbox.state === 'notready') return;
    for (const container of this.#containersOf(id)) this.#end(container, 128 + sigkill, sigkill);
    this.#machine.sandboxes.set(id, { ...sandbox, state: 'notready' });
    this.#emit({ type: 'sandbox-stopped', sandboxId: id, containerId: undefined, podUid: sandbox.podUid });
  }

  async removeSandbox(id: string): Promise<void> {
    await this.stopSandbox(id);
    for (const container of this.#containersOf(id)) this.#machine.containers.delete(container.status.id);
    this.#machine.sandboxes.delete(id);
    this.#machine.logDirectories.delete(id);
  }

  async listSandboxes(): Promise<readonly SandboxStatus[]> {
    return [...this.#machine.sandboxes.values()];
  }

  async createContainer(config: ContainerConfig): Promise<ContainerStatus> {
    const { containers, sandboxes, logDirectories } = this.#machine;
    if (containers.has(config.id)) throw new RuntimeError('CreateContainerError', `container ${config.id} exists`);
    if (containers.size >= containerLimit)
      throw new RuntimeError('CreateContainerError', `${containerLimit} containers run`);
    if (sandboxes.get(config.sandboxId)?.state !== 'ready') {
      throw new RuntimeError('CreateContainerError', `sandbox ${config.sandboxId} is not ready`);
    }
    const status: ContainerStatus = {
      id: config.id,
      sandboxId: config.sandboxId,
      name: config.name,
      attempt: config.attempt,
      state: 'created',
      imageId: config.image.imageId,
      imageReference: config.image.reference,
      pid: undefined,
      createdAt: this.#env.clock.now(),
      startedAt: 0,
      finishedAt: 0,
      exitCode: undefined,
      signal: undefined,
      reason: '',
      message: '',
      logPath: `${logDirectories.get(config.sandboxId) ?? ''}/${config.name}/${config.attempt}.log`,
      labels: config.labels,
      resources: config.resources,
    };
    const program = programOf(config.command, config.image.reference, this.#stages);
    containers.set(config.id, { status, program, exitTimer: undefined, waiters: [] });
    return status;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#machine.containers.get(id);
    if (container === undefined) throw new RuntimeError('StartError', `there is no container ${id}`);
    if (container.status.state === 'running') return;
    if (container.status.state === 'exited') throw new RuntimeError('StartError', `container ${id} has ended`);
    const { startError, startDelayMs, exitAfterMs, exitCode, signal } = container.program;
    if (startDelayMs > 0) await this.#env.timers.sleep(startDelayMs);
    if (container.status.state !== 'created') throw new RuntimeError('StartError', `container ${id} was removed`);
    if (startError !== undefined) {
      this.#end(container, startError.exitCode, undefined, 'StartError', startError.message);
      throw new RuntimeError('StartError', startError.message, { exitCode: startError.exitCode });
    }
    container.status = { ...container.status, state: 'running', pid: 1, startedAt: this.#env.clock.now() };
    this.#announce(container, 'container-started');
    if (exitAfterMs === undefined) return;
    container.exitTimer = this.#env.timers.after(exitAfterMs, () => this.#end(container, exitCode, signal));
  }

  async stopContainer(id: string, gracePeriodMs: number): Promise<void> {
    const container = this.#machine.containers.get(id);
    if (container === undefined || container.status.state === 'exited') return;
    if (container.status.state === 'created') return this.#end(container, 128 + sigkill, sigkill);
    if (!container.program.ignoresTerm) return this.#end(container, 0, undefined);
    const timer = this.#env.timers.after(gracePeriodMs, () => this.#end(container, 128 + sigkill, sigkill));
    await new Promise<void>((resolve) => container.waiters.push(resolve));
    timer.cancel();
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#machine.containers.get(id);
    if (container === undefined) return;
    this.#end(container, 128 + sigkill, sigkill);
    this.#machine.containers.delete(id);
  }

  /** For tests: the process ends as if somebody had killed it. */
  crash(id: string, exitCode: number = 128 + sigterm): void {
    const container = this.#machine.containers.get(id);
    if (container !== undefined) this.#end(container, exitCode, exitCode > 128 ? exitCode - 128 : undefined);
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    return this.#machine.containers.get(id)?.status;
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return [...this.#machine.containers.values()].map((container) => container.status);
  }

  async updateContainer(id: string, update: ResourceUpdate): Promise<void> {
    const container = this.#machine.containers.get(id);
    if (container === undefined) throw new RuntimeError('ResizeError', `there is no container ${id}`);
    const { status } = container;
    container.status = { ...status, resources: updatedResources(status.resources ?? {}, update) };
  }

  async updateSandbox(id: string, update: ResourceUpdate): Promise<void> {
    const status = this.#machine.sandboxes.get(id);
    if (status === undefined) throw new RuntimeError('ResizeError', `there is no sandbox ${id}`);
    const resources = updatedResources(status.resources ?? {}, update);
    this.#machine.sandboxes.set(id, { ...status, resources });
  }

  async stats(): Promise<readonly ContainerStats[]> {
    const running = [...this.#machine.containers.values()].filter(({ status }) => status.state === 'running');
    const { cpuMillis, memoryBytes } = this.#usage;
    const now = this.#env.clock.now();
    return running.map(({ status }) => ({
      id: status.id,
      cpuUsageNanos: Math.max(0, now - status.startedAt) * cpuMillis * nanosOfMilliCpuMs,
      memoryWorkingSetBytes: memoryBytes,
      memoryUsageBytes: memoryBytes,
      pids: 1,
    }));
  }

  async exec(): Promise<ExecSession> {
    throw new RuntimeError('ExecError', 'the fake runtime has no processes: nothing can be executed');
  }

  async attach(): Promise<ExecSession> {
    throw new RuntimeError('AttachError', 'the fake runtime has no processes: there is nothing to attach to');
  }

  async dial(): Promise<Duplex> {
    throw new RuntimeError('DialError', 'the fake runtime has no network: nothing listens');
  }

  onEvent(listener: (event: RuntimeEvent) => void): () => void {
    this.#machine.listeners.add(listener);
    this.#own.add(listener);
    return () => {
      this.#machine.listeners.delete(listener);
      this.#own.delete(listener);
    };
  }

  /** Drops this runtime's listeners; the machine goes on. */
  close(): void {
    for (const listener of this.#own) this.#machine.listeners.delete(listener);
    this.#own.clear();
  }

  #containersOf(sandboxId: string): FakeContainer[] {
    return [...this.#machine.containers.values()].filter(({ status }) => status.sandboxId === sandboxId);
  }

  #end(container: FakeContainer, exitCode: number, signal: number | undefined, reason?: string, message = ''): void {
    const { status } = container;
    if (status.state === 'exited') return;
    container.exitTimer?.cancel();
    container.status = {
      ...status,
      state: 'exited',
      pid: undefined,
      finishedAt: this.#env.clock.now(),
      exitCode,
      signal,
      reason: reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
      message,
    };
    for (const resolve of container.waiters.splice(0)) resolve();
    this.#announce(container, 'container-exited');
  }

  #announce({ status }: FakeContainer, type: 'container-started' | 'container-exited'): void {
    const podUid = this.#machine.sandboxes.get(status.sandboxId)?.podUid ?? '';
    this.#emit({ type, sandboxId: status.sandboxId, containerId: status.id, podUid });
  }

  #emit(event: RuntimeEvent): void {
    for (const listener of this.#machine.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#log.warn({ error: errorMessage(error) }, 'a listener of runtime events threw');
      }
    }
  }
}
