import { release } from 'node:os';
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
import { instanceOf, pruneGroups, removeSpareGroups } from '@timonel/sdk/linux';
import { PodGroups, type CgroupDriver } from '@timonel/sdk/linux/cgroup';
import { attachSession } from './attach-session.ts';
import type { RuntimeOciConfig } from './config.ts';
import type { Container } from './container.ts';
import { Containers } from './containers.ts';
import { Connections } from './connections.ts';
import { openSession } from './exec-session.ts';
import { findPrograms, shiftsLayers, type OciKind } from './host.ts';
import { layoutOf, type Layout } from './layout.ts';
import { OciProgram } from './oci-program.ts';
import { pauseGroup, Sandboxes } from './sandboxes.ts';

export interface OciRuntimeOptions {
  readonly kind: OciKind;
  readonly dataDir: string;
  readonly env: Env;
  readonly log: Logger;
  readonly cgroups: CgroupDriver;
  readonly settings: RuntimeOciConfig;
}

/** Containers by an OCI runtime of the host, each under a conmon of its own. */
export class OciRuntime implements ContainerRuntime {
  readonly #options: OciRuntimeOptions;
  readonly #layout: Layout;
  readonly #groupRoot: string;
  readonly #groups: PodGroups;
  readonly #program: OciProgram;
  readonly #sandboxes: Sandboxes;
  readonly #containers: Containers;
  readonly #connections = new Connections();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #removals = new Map<string, Promise<void>>();

  constructor(options: OciRuntimeOptions) {
    this.#options = options;
    const { dataDir, env, settings, kind } = options;
    this.#layout = layoutOf(dataDir);
    this.#groupRoot = `${settings.cgroupParent === '' ? '' : `${settings.cgroupParent}/`}timonel-${instanceOf(dataDir)}`;
    this.#groups = new PodGroups(options.cgroups, env, this.#groupRoot, (id) => this.#sandboxes.config(id));
    this.#program = new OciProgram(() => findPrograms(kind, settings), this.#layout, env);
    const shared = { ...options, layout: this.#layout, program: this.#program };
    this.#sandboxes = new Sandboxes({ ...shared, cgroupOf: (id) => this.#groups.ofSandbox(id) });
    this.#containers = new Containers({
      ...shared,
      cgroupOf: (sandboxId, id) => this.#groups.ofContainer(sandboxId, id),
      onChange: (container) => {
        this.#tell(container);
      },
    });
  }

  /** Without the programs of the host it opens all the same: `info` says what is missing, and what is there stays. */
  async open(): Promise<void> {
    this.#program.open();
    await this.#sandboxes.open();
    await this.#containers.open();
    await this.#groups.removeStrays(
      (sandboxId) => new Set([pauseGroup, ...this.#containersOf(sandboxId).map(({ config }) => config.id)]),
    );
    pruneGroups(this.#groupRoot);
    this.#groups.weigh(this.#sandboxes.configs());
  }

  /** Containers go on without us. */
  close(): void {
    this.#containers.close();
    this.#listeners.clear();
  }

  info(): Promise<RuntimeInfo> {
    const { kind, cgroups, settings } = this.#options;
    const found = findPrograms(kind, settings);
    const isolation = `linux namespaces by ${kind}, cgroup ${cgroups.version}`;
    const ready = 'programs' in found;
    const userNamespaces = shiftsLayers(release());
    const all = { recursiveReadOnlyMounts: true, supplementalGroupsPolicy: true, mountsOpenFiles: true };
    const features = { userNamespaces, ...all };
    return Promise.resolve({ name: kind, version: '0.1.0', isolation, ready, reason: found.reason, ...features });
  }

  async runSandbox(config: SandboxConfig): Promise<SandboxStatus> {
    try {
      return await this.#sandboxes.run(config);
    } catch (error) {
      this.#removeGroups(config);
      throw error;
    } finally {
      this.#groups.weigh(this.#sandboxes.configs());
    }
  }

  async stopSandbox(id: string): Promise<void> {
    const podUid = this.#sandboxes.config(id)?.podUid;
    if (podUid === undefined) return;
    const before = this.#sandboxes.shut(id);
    await this.#containers.creationsOf(id);
    await Promise.all(this.#containersOf(id).map((container) => this.#containers.kill(container)));
    this.#connections.closeAll(id);
    await this.#sandboxes.stop(id);
    if (before) this.#emit({ type: 'sandbox-stopped', sandboxId: id, containerId: undefined, podUid });
  }

  removeSandbox(id: string): Promise<void> {
    return this.#once(`sandbox/${id}`, async () => {
      const config = this.#sandboxes.config(id);
      if (config === undefined) return;
      await this.stopSandbox(id);
      await Promise.all(this.#containersOf(id).map((container) => this.removeContainer(container.config.id)));
      const group = this.#groups.ofSandbox(id);
      await this.#sandboxes.remove(id);
      this.#removeGroups(config, group);
      this.#groups.weigh(this.#sandboxes.configs());
    });
  }

  listSandboxes(): Promise<readonly SandboxStatus[]> {
    return Promise.resolve(this.#sandboxes.list());
  }

  async createContainer(config: ContainerConfig): Promise<ContainerStatus> {
    const status = this.#sandboxes.status(config.sandboxId);
    const sandbox = this.#sandboxes.config(config.sandboxId);
    if (sandbox === undefined || status?.state !== 'ready') {
      const state = status === undefined ? 'does not exist' : 'is not ready';
      throw new RuntimeError('CreateContainerError', `sandbox ${config.sandboxId} ${state}`);
    }
    const pausePid = this.#sandboxes.pausePid(config.sandboxId);
    const container = await this.#containers.create(config, { sandbox, pausePid });
    return container.status();
  }

  startContainer(id: string): Promise<void> {
    const sandboxId = this.#containers.get(id)?.config.sandboxId ?? '';
    return this.#containers.start(id, () => this.#sandboxes.pausePid(sandboxId));
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

  stats(): Promise<readonly ContainerStats[]> {
    const running = this.#containers.all().filter((container) => container.state === 'running');
    const all = running.flatMap(({ config }): ContainerStats[] => {
      const usage = this.#options.cgroups.usage(this.#groups.ofContainer(config.sandboxId, config.id));
      return usage === undefined ? [] : [{ id: config.id, ...usage }];
    });
    return Promise.resolve(all);
  }

  async updateContainer(id: string, update: ResourceUpdate): Promise<void> {
    this.#containers.update(id, update);
  }

  async updateSandbox(id: string, update: ResourceUpdate): Promise<void> {
    this.#sandboxes.update(id, update);
    this.#groups.weigh(this.#sandboxes.configs());
  }

  async exec(id: string, options: ExecOptions): Promise<ExecSession> {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RuntimeError('ExecError', `there is no container ${id}`);
    return await openSession(container, options, this.#program, this.#options);
  }

  async attach(id: string, options: AttachOptions): Promise<ExecSession> {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RuntimeError('AttachError', `there is no container ${id}`);
    return await attachSession(container, this.#containers, options, this.#options.env);
  }

  dial(sandboxId: string, port: number): Promise<Duplex> {
    return this.#connections.dial(sandboxId, () => this.#sandboxes.status(sandboxId), port);
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

  #containersOf(sandboxId: string): Container[] {
    return this.#containers.all().filter((container) => container.config.sandboxId === sandboxId);
  }

  /** Groups of its own in other hierarchies, and those above when nobody else is below them. */
  #removeGroups({ id }: SandboxConfig, group: string = `${this.#groupRoot}/${id}`): void {
    const alone = this.#sandboxes.configs().length === 0;
    removeSpareGroups(group, alone ? this.#groupRoot : group);
    if (alone) pruneGroups(this.#groupRoot);
  }

  /** Two callers who remove the same thing share one removal. */
  #once(key: string, work: () => Promise<void>): Promise<void> {
    const running = this.#removals.get(key) ?? work().finally(() => this.#removals.delete(key));
    this.#removals.set(key, running);
    return running;
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
