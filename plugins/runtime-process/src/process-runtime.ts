/** A container runtime of plain child processes: no isolation, no limits, no root needed. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { PassThrough, type Duplex } from 'node:stream';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import {
  checkPort,
  dialLocalhost,
  RuntimeError,
  type AttachOptions,
  type ContainerConfig,
  type ContainerRuntime,
  type ContainerStats,
  type ContainerStatus,
  type ExecOptions,
  type ExecSession,
  type RuntimeEvent,
  type RuntimeInfo,
  type SandboxConfig,
  type SandboxState,
  type SandboxStatus,
} from '@timonel/sdk/contracts/runtime';
import { commandLine, spawnOptions } from './command.ts';
import { ProcessContainer, type ContainerEvents } from './process-container.ts';
import { figuresOf } from './process-figures.ts';
import { killGroup, type ProcessTable } from './process-table.ts';

export const isolation = 'none: plain processes of this host; no namespaces, no limits, the image is not entered';
const sandboxLimit = 1000;

interface Sandbox {
  status: SandboxStatus;
  readonly logDirectory: string;
  readonly connections: Set<Duplex>;
}

/** What outlives a restart of the plugin within this process. It does not outlive the process. */
export class ProcessHost {
  readonly sandboxes: Map<string, Sandbox> = new Map();
  readonly containers: Map<string, ProcessContainer> = new Map();
  readonly listeners: Set<(event: RuntimeEvent) => void> = new Set();
}

export class ProcessRuntime implements ContainerRuntime {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #table: ProcessTable;
  readonly #host: ProcessHost;
  readonly #events: ContainerEvents;

  constructor(env: Env, log: Logger, table: ProcessTable, host: ProcessHost) {
    this.#env = env;
    this.#log = log;
    this.#table = table;
    this.#host = host;
    this.#events = {
      started: (container) => this.#announce(container, 'container-started'),
      exited: (container) => this.#announce(container, 'container-exited'),
    };
  }

  async info(): Promise<RuntimeInfo> {
    return { name: 'process', version: '0.1.0', isolation, ready: true, reason: '' };
  }

  async runSandbox(config: SandboxConfig): Promise<SandboxStatus> {
    const { sandboxes } = this.#host;
    if (sandboxes.has(config.id)) throw new RuntimeError('FailedCreatePodSandBox', `sandbox ${config.id} exists`);
    if (sandboxes.size >= sandboxLimit) {
      throw new RuntimeError('FailedCreatePodSandBox', `${sandboxLimit} sandboxes are the most this runtime takes`);
    }
    const { id, podUid, podNamespace, podName, labels, logDirectory } = config;
    const status: SandboxStatus = {
      id,
      podUid,
      podNamespace,
      podName,
      state: 'ready',
      createdAt: this.#env.clock.now(),
      networkNamespace: undefined,
      labels,
    };
    sandboxes.set(id, { status, logDirectory, connections: new Set() });
    return status;
  }

  async stopSandbox(id: string): Promise<void> {
    const sandbox = this.#host.sandboxes.get(id);
    if (sandbox === undefined || sandbox.status.state === 'notready') return;
    sandbox.status = { ...sandbox.status, state: 'notready' };
    for (const connection of sandbox.connections) connection.destroy();
    await Promise.all(this.#containersOf(id).map((container) => container.stop(0)));
    this.#emit({ type: 'sandbox-stopped', sandboxId: id, containerId: undefined, podUid: sandbox.status.podUid });
  }

  async removeSandbox(id: string): Promise<void> {
    await this.stopSandbox(id);
    await Promise.all(this.#containersOf(id).map((container) => this.removeContainer(container.config.id)));
    this.#host.sandboxes.delete(id);
  }

  async listSandboxes(): Promise<readonly SandboxStatus[]> {
    return [...this.#host.sandboxes.values()].map((sandbox) => sandbox.status);
  }

  async createContainer(config: ContainerConfig): Promise<ContainerStatus> {
    const { containers, sandboxes } = this.#host;
    if (containers.has(config.id)) throw new RuntimeError('CreateContainerError', `container ${config.id} exists`);
    const sandbox = sandboxes.get(config.sandboxId);
    if (sandbox?.status.state !== 'ready') {
      throw new RuntimeError('CreateContainerError', `sandbox ${config.sandboxId} is not ready`);
    }
    const container = new ProcessContainer(config, sandbox.logDirectory, this.#env, this.#table, this.#events);
    containers.set(config.id, container);
    return container.status;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#host.containers.get(id);
    if (container === undefined) throw new RuntimeError('StartError', `there is no container ${id}`);
    await container.start();
  }

  async stopContainer(id: string, gracePeriodMs: number): Promise<void> {
    await this.#host.containers.get(id)?.stop(gracePeriodMs);
  }

  async removeContainer(id: string): Promise<void> {
    await this.#host.containers.get(id)?.stop(0);
    this.#host.containers.delete(id);
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    return this.#host.containers.get(id)?.status;
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return [...this.#host.containers.values()].map((container) => container.status);
  }

  /** Of the first process of each container: without control groups its children are not counted. */
  async updateContainer(): Promise<void> {
    throw new RuntimeError('ResizeError', 'plain processes have no limits that could be changed');
  }

  async updateSandbox(): Promise<void> {
    await this.updateContainer();
  }

  async stats(): Promise<readonly ContainerStats[]> {
    const figures: ContainerStats[] = [];
    for (const { status } of this.#host.containers.values()) {
      const figure = status.pid === undefined ? undefined : await figuresOf(status.id, status.pid);
      if (figure !== undefined) figures.push(figure);
    }
    return figures;
  }

  /** A process beside the first one, with its environment. There are no terminals: `tty` is refused. */
  async exec(id: string, options: ExecOptions): Promise<ExecSession> {
    const container = this.#host.containers.get(id);
    if (container?.status.state !== 'running') throw new RuntimeError('ExecError', `container ${id} is not running`);
    if (options.tty) throw new RuntimeError('ExecError', 'the process runtime has no terminals: leave out -t');
    const [program = '', ...args] = commandLine(container.config, options.command);
    const stdio: ('pipe' | 'ignore')[] = [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'];
    const child = spawn(program, args, { ...spawnOptions(container.config), stdio });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => {
        reject(new RuntimeError('ExecError', `exec: "${program}": ${errorMessage(cause)}`, { exitCode: 127, cause }));
      });
    });
    const exited = new Promise<number>((resolve) => {
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
    return {
      stdin: child.stdin ?? undefined,
      stdout: child.stdout ?? new PassThrough().end(),
      stderr: child.stderr ?? undefined,
      resize: () => undefined,
      exited,
      kill: () => {
        if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
      },
    };
  }

  /** Without terminals: of a container with a tty the streams are those of one without. */
  async attach(id: string, { stdin }: AttachOptions): Promise<ExecSession> {
    const container = this.#host.containers.get(id);
    if (container === undefined) throw new RuntimeError('AttachError', `there is no container ${id}`);
    return container.attach(stdin);
  }

  /** All sandboxes share the network of this host. */
  async dial(sandboxId: string, port: number): Promise<Duplex> {
    const sandbox = this.#host.sandboxes.get(sandboxId);
    const refused = new RuntimeError('DialError', `sandbox ${sandboxId} is not ready`);
    if (sandbox?.status.state !== 'ready') throw refused;
    checkPort(port);
    const connection = await dialLocalhost(port).catch((cause: unknown) => {
      throw new RuntimeError('DialError', errorMessage(cause), { cause });
    });
    connection.on('error', () => undefined); // `close` tells
    if ((sandbox.status.state as SandboxState) !== 'ready') {
      connection.destroy(); // it was stopped meanwhile
      throw refused;
    }
    sandbox.connections.add(connection);
    connection.once('close', () => sandbox.connections.delete(connection));
    return connection;
  }

  onEvent(listener: (event: RuntimeEvent) => void): () => void {
    this.#host.listeners.add(listener);
    return () => this.#host.listeners.delete(listener);
  }

  /** Ends everything: without a monitor of their own the processes cannot outlive this one in good order. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#host.sandboxes.keys()].map((id) => this.removeSandbox(id)));
  }

  #containersOf(sandboxId: string): ProcessContainer[] {
    return [...this.#host.containers.values()].filter(({ config }) => config.sandboxId === sandboxId);
  }

  #announce(container: ProcessContainer, type: 'container-started' | 'container-exited'): void {
    const { id, sandboxId } = container.config;
    const podUid = this.#host.sandboxes.get(sandboxId)?.status.podUid ?? '';
    this.#emit({ type, sandboxId, containerId: id, podUid });
  }

  #emit(event: RuntimeEvent): void {
    for (const listener of this.#host.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#log.warn({ error: errorMessage(error) }, 'a listener of runtime events threw');
      }
    }
  }
}
