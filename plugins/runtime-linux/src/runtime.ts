import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Env, Logger } from '@timonel/sdk';
import {
  RuntimeError,
  type AttachOptions,
  type ContainerConfig,
  type ContainerRuntime,
  type ContainerStats,
  type ContainerStatus,
  type ExecOptions,
  type ExecSession,
  type ResourceUpdate,
  type RuntimeEvent,
  type RuntimeInfo,
  type SandboxConfig,
  type SandboxStatus,
} from '@timonel/sdk/contracts/runtime';
import { type CgroupDriver, PodGroups, resize, withDevices } from '@timonel/sdk/linux/cgroup';
import { attachSession } from './attach-session.ts';
import type { RuntimeLinuxConfig } from './config.ts';
import type { Container } from './container.ts';
import { Containers } from './containers.ts';
import { dial } from './dial.ts';
import { openSession } from './exec-session.ts';
import { Launcher } from './launcher.ts';
import { instanceOf, layoutOf } from './layout.ts';
import { monitorBinary } from './monitor-binary.ts';
import { RunDirectory, runPathOf } from './run-directory.ts';
import { Sandboxes } from './sandboxes.ts';
import { probeUserNamespaces, rememberedForBoot } from './user-namespaces.ts';

export interface LinuxRuntimeOptions {
  readonly dataDir: string;
  readonly env: Env;
  readonly log: Logger;
  readonly cgroups: CgroupDriver;
  readonly settings: RuntimeLinuxConfig;
  /** The native side, where it is not the one that comes with the plugin. */
  readonly monitor?: string;
}

/** The container runtime of Linux: namespaces, control groups, overlay, and one monitor process a container. */
export class LinuxRuntime implements ContainerRuntime {
  readonly #given: LinuxRuntimeOptions;
  readonly #options: LinuxRuntimeOptions;
  readonly #groups: PodGroups;
  readonly #sandboxes: Sandboxes;
  readonly #containers: Containers;
  readonly #monitor: string;
  readonly #launcher: Launcher;
  readonly #runDirectory: RunDirectory;
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #removals = new Map<string, Promise<void>>();
  /** Connections into sandboxes: each would keep its network namespace. */
  readonly #dialled = new Map<string, Set<Duplex>>();
  #sessions = 0;
  #mapsIds: Promise<boolean> | undefined;

  constructor(options: LinuxRuntimeOptions) {
    const { cgroupParent } = options.settings;
    const root = `${cgroupParent === '' ? '' : `${cgroupParent}/`}timonel-${instanceOf(options.dataDir)}`;
    const cgroups = withDevices(options.cgroups, root);
    this.#given = options;
    this.#monitor = options.monitor ?? monitorBinary;
    const deadlineMs = options.settings.jobDeadlineSeconds * 1000;
    this.#launcher = new Launcher({ env: options.env, deadlineMs, monitor: this.#monitor });
    const runPath = runPathOf(options.dataDir, options.settings.runDirectory);
    this.#runDirectory = new RunDirectory(runPath, { ...options, launcher: this.#launcher });
    this.#options = { ...options, cgroups };
    this.#groups = new PodGroups(cgroups, options.env, root, (id) => this.#sandboxes.config(id));
    const shared = { ...options, cgroups, layout: layoutOf(options.dataDir, runPath), launcher: this.#launcher };
    this.#sandboxes = new Sandboxes({ ...shared, cgroupOf: (id) => this.#groups.ofSandbox(id) });
    this.#containers = new Containers({
      ...shared,
      runId: () => this.#runDirectory.id,
      cgroupOf: (sandboxId, id) => this.#groups.ofContainer(sandboxId, id),
      onChange: (container) => {
        this.#tell(container);
      },
    });
  }

  async open(): Promise<void> {
    await this.#runDirectory.open();
    await this.#sandboxes.open();
    await this.#containers.open();
    await this.#removeStrayGroups();
  }

  /** Containers go on without us. */
  close(): void {
    this.#containers.close();
    this.#runDirectory.close(this.#containers.isEmpty && this.#sandboxes.isEmpty);
    this.#launcher.close();
    this.#listeners.clear();
  }

  async info(): Promise<RuntimeInfo> {
    const { version, isAbsent } = this.#options.cgroups;
    const groups = isAbsent === true ? 'no control groups: limits are not enforced' : `cgroup ${version}`;
    const isolation = `linux namespaces (pid, mount, net, ipc, uts, cgroup), ${groups}`;
    return {
      name: 'linux',
      version: '0.1.0',
      isolation,
      ready: true,
      reason: '',
      userNamespaces: await this.#canMapIds(),
      recursiveReadOnlyMounts: true,
      enforcesLimits: isAbsent !== true,
      supplementalGroupsPolicy: true,
      mountsOpenFiles: true,
    };
  }

  async runSandbox(config: SandboxConfig): Promise<SandboxStatus> {
    try {
      return await this.#sandboxes.run(config);
    } finally {
      this.#groups.weigh(this.#sandboxes.configs());
    }
  }

  async stopSandbox(id: string): Promise<void> {
    await this.#end(id, () => this.#sandboxes.stop(id));
  }

  /** Ends all in it, then what `release` ends. */
  async #end(id: string, release: () => Promise<void>): Promise<void> {
    const podUid = this.#sandboxes.config(id)?.podUid;
    if (podUid === undefined) return;
    const before = this.#sandboxes.shut(id);
    await this.#containers.creationsOf(id);
    await Promise.all(this.#containersOf(id).map((container) => this.#containers.kill(container)));
    for (const connection of this.#dialled.get(id) ?? []) connection.destroy();
    await release();
    if (before) this.#emit({ type: 'sandbox-stopped', sandboxId: id, containerId: undefined, podUid });
  }

  removeSandbox(id: string): Promise<void> {
    return this.#once(`sandbox/${id}`, async () => {
      if (this.#sandboxes.config(id) === undefined) return;
      await this.#end(id, async () => {
        await Promise.all(this.#containersOf(id).map((container) => this.removeContainer(container.config.id)));
        await this.#containers.clearHalfMade(id);
        await this.#sandboxes.remove(id);
      });
      this.#groups.weigh(this.#sandboxes.configs());
    });
  }

  listSandboxes(): Promise<readonly SandboxStatus[]> {
    return Promise.resolve(this.#sandboxes.list());
  }

  async createContainer(config: ContainerConfig): Promise<ContainerStatus> {
    const sandbox = this.#sandboxes.status(config.sandboxId);
    const sandboxConfig = this.#sandboxes.config(config.sandboxId);
    if (sandboxConfig === undefined || sandbox?.state !== 'ready') {
      const state = sandbox === undefined ? 'does not exist' : 'is not ready';
      throw new RuntimeError('CreateContainerError', `sandbox ${config.sandboxId} ${state}`);
    }
    const container = await this.#containers.create(config, sandboxConfig);
    return container.status();
  }

  startContainer(id: string): Promise<void> {
    return this.#containers.start(id);
  }

  stopContainer(id: string, gracePeriodMs: number): Promise<void> {
    return this.#containers.stop(id, gracePeriodMs);
  }

  removeContainer(id: string): Promise<void> {
    return this.#once(`container/${id}`, () => this.#containers.remove(id));
  }

  containerStatus(id: string): Promise<ContainerStatus | undefined> {
    return Promise.resolve(this.#containers.get(id)?.status());
  }

  listContainers(): Promise<readonly ContainerStatus[]> {
    return Promise.resolve(this.#containers.all().map((container) => container.status()));
  }

  async updateContainer(id: string, update: ResourceUpdate): Promise<void> {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RuntimeError('ResizeError', `there is no container ${id}`);
    const path = this.#groups.ofContainer(container.config.sandboxId, id);
    resize(this.#options.cgroups, { path, update, before: container.config.resources }, () =>
      container.resized(update),
    );
  }

  async updateSandbox(id: string, update: ResourceUpdate): Promise<void> {
    const config = this.#sandboxes.config(id);
    if (config === undefined) throw new RuntimeError('ResizeError', `there is no sandbox ${id}`);
    const path = this.#groups.ofSandbox(id);
    resize(this.#options.cgroups, { path, update, before: config.resources }, () =>
      this.#sandboxes.resized(id, update),
    );
    this.#groups.weigh(this.#sandboxes.configs());
  }

  stats(): Promise<readonly ContainerStats[]> {
    const { cgroups } = this.#options;
    const running = this.#containers.all().filter((container) => container.state === 'running');
    const all = running.flatMap(({ config }): ContainerStats[] => {
      const usage = cgroups.usage(this.#groups.ofContainer(config.sandboxId, config.id));
      return usage === undefined ? [] : [{ id: config.id, ...usage }];
    });
    return Promise.resolve(all);
  }

  async exec(id: string, options: ExecOptions): Promise<ExecSession> {
    const container = this.#containers.get(id);
    const sandbox = container === undefined ? undefined : this.#sandboxes.config(container.config.sandboxId);
    if (container === undefined || sandbox === undefined) {
      throw new RuntimeError('ExecError', `there is no container ${id}`);
    }
    const cgroup = this.#groups.ofContainer(container.config.sandboxId, id);
    const name = `${this.#sessions++}-${this.#options.env.random.uuid()}`;
    return await openSession(container, sandbox, options, this.#options.cgroups.joinFiles(cgroup), name, {
      ...this.#options,
      monitor: this.#monitor,
    });
  }

  attach(id: string, options: AttachOptions): Promise<ExecSession> {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RuntimeError('AttachError', `there is no container ${id}`);
    return attachSession(container, this.#containers.end(container), options, this.#options.env);
  }

  async dial(sandboxId: string, port: number): Promise<Duplex> {
    const sandbox = this.#sandboxes.status(sandboxId);
    const refused = new RuntimeError('DialError', `sandbox ${sandboxId} is not ready`);
    if (sandbox?.state !== 'ready') throw refused;
    const connection = await dial(sandbox.networkNamespace, port, this.#monitor);
    if (this.#sandboxes.status(sandboxId)?.state !== 'ready') {
      connection.destroy();
      throw refused;
    }
    const known = this.#dialled.get(sandboxId) ?? new Set();
    this.#dialled.set(sandboxId, known.add(connection));
    connection.once('close', () => {
      known.delete(connection);
      if (known.size === 0) this.#dialled.delete(sandboxId);
    });
    return connection;
  }

  onEvent(listener: (event: RuntimeEvent) => void): () => void {
    const own = (event: RuntimeEvent): void => {
      listener(event);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** Found out once a boot, when somebody asks. */
  #canMapIds(): Promise<boolean> {
    const probe = async (): Promise<boolean> => {
      const dataDir = join(this.#options.dataDir, 'probe');
      const runtime = new LinuxRuntime({ ...this.#given, dataDir });
      try {
        await runtime.open();
        return await probeUserNamespaces(runtime, dataDir);
      } finally {
        runtime.close();
      }
    };
    this.#mapsIds ??= rememberedForBoot(join(this.#options.dataDir, 'user-namespaces.json'), probe);
    return this.#mapsIds;
  }

  #containersOf(sandboxId: string): Container[] {
    return this.#containers.all().filter((container) => container.config.sandboxId === sandboxId);
  }

  /** Two callers who remove the same thing share one removal. */
  #once(key: string, work: () => Promise<void>): Promise<void> {
    const running = this.#removals.get(key) ?? work().finally(() => this.#removals.delete(key));
    this.#removals.set(key, running);
    return running;
  }

  /** Groups of sandboxes and containers of which a crash left nothing else. */
  async #removeStrayGroups(): Promise<void> {
    await this.#groups.removeStrays((id) => new Set(this.#containersOf(id).map(({ config }) => config.id)));
    this.#groups.weigh(this.#sandboxes.configs());
  }

  #tell(container: Container): void {
    const { id, sandboxId } = container.config;
    const type = container.state === 'exited' ? 'container-exited' : 'container-started';
    this.#emit({ type, sandboxId, containerId: id, podUid: this.#sandboxes.config(sandboxId)?.podUid ?? '' });
  }

  #emit(event: RuntimeEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.log.warn({ error, event: event.type }, 'a listener of runtime events threw');
      }
    }
  }
}
