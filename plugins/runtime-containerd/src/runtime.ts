import type { Duplex } from 'node:stream';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import {
  RuntimeError,
  updatedResources,
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
import { instanceOf, LogRotation } from '@timonel/sdk/linux';
import type { CgroupDriver } from '@timonel/sdk/linux/cgroup';
import { openAttach } from './attach.ts';
import { cniDirectories, installCni, type CniDirectories } from './cni.ts';
import type { ContainerdConfig } from './config.ts';
import { ContainerHoldings } from './container-holdings.ts';
import { Containers } from './containers.ts';
import { Channel } from './cri/channel.ts';
import { dial } from './dial.ts';
import { openExec } from './exec.ts';
import { rotatedLogs } from './full-log.ts';
import { Importer, type ImporterOptions } from './image/importer.ts';
import { OpenedMounts } from './opened-mounts.ts';
import { PodGroups } from './pod-groups.ts';
import { conditionsNotReady, criConfigOf, missingLines, runtimeInfo } from './readiness.ts';
import { Records } from './records.ts';
import { SandboxHoldings } from './sandbox-holdings.ts';
import { Sandboxes } from './sandboxes.ts';
import { Watcher } from './watcher.ts';

export interface ContainerdRuntimeOptions {
  readonly dataDir: string;
  readonly env: Env;
  readonly log: Logger;
  readonly cgroups: CgroupDriver;
  readonly settings: ContainerdConfig;
  readonly images: ImporterOptions['images'];
}

const infoMs = 5000;
const firstLookMs = 2000;
/** The first time not at once: a plugin that is replaced may still have sessions. */
const tidyMs = { first: 60_000, period: 10 * 60_000 };
/** Containers by containerd, through the CRI; what that lacks, through containerd's own services. */
export class ContainerdRuntime implements ContainerRuntime {
  readonly #options: ContainerdRuntimeOptions;
  readonly #channel: Channel;
  readonly #groups: PodGroups;
  readonly #cni: CniDirectories;
  readonly #watcher: Watcher;
  readonly #importer: Importer;
  readonly #sandboxes: Sandboxes;
  readonly #containers: Containers;
  readonly #rotation: LogRotation;
  readonly #removals = new Map<string, Promise<void>>();
  readonly #dialled = new Map<string, Set<Duplex>>();
  /** Processes beside the first: those of this runtime, and of this run of it. */
  readonly #execs: { readonly ours: string; readonly now: string };
  #tidying: readonly TimerHandle[] = [];

  constructor(options: ContainerdRuntimeOptions) {
    const { dataDir, env, log, settings } = options;
    this.#options = options;
    const instance = instanceOf(dataDir);
    const channel = new Channel(settings.socket, env);
    const records = new Records(dataDir);
    const holdings = {
      sandboxes: new SandboxHoldings(channel, instance, records),
      containers: new ContainerHoldings(channel, instance, records),
    };
    this.#channel = channel;
    const ours = `timonel-${instance}-`;
    this.#execs = { ours, now: `${ours}${env.random.uuid().slice(0, 8)}-` };
    const { cgroupParent } = settings;
    const root = `${cgroupParent === '' ? '' : `${cgroupParent}/`}timonel-containerd-${instance}`;
    this.#groups = new PodGroups({ driver: options.cgroups, env, root });
    this.#cni = cniDirectories(dataDir);
    this.#watcher = new Watcher({ ...holdings, channel, env, log });
    this.#importer = new Importer({ ...settings, channel, env, dataDir, images: options.images });
    const shared = { channel, env, instance, records, groups: this.#groups, watcher: this.#watcher, settings };
    this.#sandboxes = new Sandboxes({ ...shared, holdings: holdings.sandboxes });
    this.#containers = new Containers({
      ...shared,
      holdings: holdings.containers,
      sandboxes: this.#sandboxes,
      importer: this.#importer,
      opened: new OpenedMounts(dataDir),
    });
    this.#rotation = new LogRotation(env, log, async () =>
      this.#watcher.isIdle ? [] : await rotatedLogs(channel, holdings.containers, settings),
    );
  }

  async open(): Promise<void> {
    await installCni(this.#cni);
    await this.#importer.open();
    // Pipes of sessions that a crash ended.
    await rm(this.#execDirectory, { recursive: true, force: true });
    this.#watcher.open();
    this.#rotation.open();
    const { timers } = this.#options.env;
    await Promise.race([this.#watcher.look(), timers.sleep(firstLookMs)]);
    this.#tidying = [
      timers.after(tidyMs.first, () => void this.tidy()),
      timers.every(tidyMs.period, () => void this.tidy()),
    ];
  }

  /** Containers go on without us. */
  close(): void {
    for (const timer of this.#tidying) timer.cancel();
    this.#rotation.close();
    this.#watcher.close();
    this.#channel.close();
  }

  async info(): Promise<RuntimeInfo> {
    const { runtimeHandler } = this.#options.settings;
    const { version } = this.#groups;
    try {
      const { runtimeVersion } = await this.#channel.call('Version', {}, infoMs);
      const status = await this.#channel.call('Status', { verbose: true }, infoMs);
      const config = criConfigOf(status);
      const missing = missingLines(config, this.#cni, runtimeHandler);
      // What is missing explains what does not hold.
      const problems = missing.length > 0 ? missing : conditionsNotReady(status);
      if (problems.length === 0) await this.#importer.ensurePause(config.sandboxImage ?? '');
      return runtimeInfo(runtimeVersion, version, problems);
    } catch (error) {
      return runtimeInfo('unknown', version, [errorMessage(error)]);
    }
  }

  async runSandbox(config: SandboxConfig): Promise<SandboxStatus> {
    return await this.#sandboxes.run(config, async () => {
      const status = await this.#channel.call('Status', { verbose: true }, infoMs);
      await this.#importer.ensurePause(criConfigOf(status).sandboxImage ?? '');
    });
  }

  async stopSandbox(id: string): Promise<void> {
    for (const connection of this.#dialled.get(id) ?? []) connection.destroy();
    await this.#containers.expectKill(id);
    await this.#sandboxes.stop(id);
    await this.#watcher.look();
  }

  removeSandbox(id: string): Promise<void> {
    return this.#once(`sandbox/${id}`, async () => {
      await this.stopSandbox(id);
      await this.#containers.removeOf(id);
      await this.#sandboxes.remove(id);
    });
  }

  listSandboxes(): Promise<readonly SandboxStatus[]> {
    return this.#sandboxes.list();
  }

  createContainer(config: ContainerConfig): Promise<ContainerStatus> {
    return this.#containers.create(config);
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
    return this.#containers.status(id);
  }

  listContainers(): Promise<readonly ContainerStatus[]> {
    return this.#containers.list();
  }

  stats(): Promise<readonly ContainerStats[]> {
    return this.#containers.stats();
  }

  updateContainer(id: string, update: ResourceUpdate): Promise<void> {
    return this.#containers.update(id, update);
  }

  updateSandbox(id: string, update: ResourceUpdate): Promise<void> {
    return this.#sandboxes.update(id, (before) => updatedResources(before, update), update);
  }

  async exec(id: string, options: ExecOptions): Promise<ExecSession> {
    const { env, log } = this.#options;
    const { criId, process } = await this.#containers.running(id, 'ExecError');
    const execId = `${this.#execs.now}${env.random.uuid()}`;
    return await openExec(
      { channel: this.#channel, env, log, directory: this.#execDirectory, criId, execId, process: await process() },
      options,
    );
  }

  async attach(id: string, options: AttachOptions): Promise<ExecSession> {
    const { env } = this.#options;
    const { criId, stored } = await this.#containers.running(id, 'AttachError');
    const ended = (): Promise<number | undefined> => this.#containers.endOf(id);
    return await openAttach({ channel: this.#channel, env, criId, stored, ended }, options);
  }

  async dial(sandboxId: string, port: number): Promise<Duplex> {
    const refused = new RuntimeError('DialError', `sandbox ${sandboxId} is not ready`);
    const sandbox = await this.#sandboxes.status(sandboxId);
    if (sandbox?.state !== 'ready') throw refused;
    const connection = await dial(sandbox.networkNamespace, port);
    const after = await this.#sandboxes.status(sandboxId).catch(() => sandbox);
    if (after?.state !== 'ready') {
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
    return this.#watcher.onEvent(listener);
  }

  get #execDirectory(): string {
    return join(this.#options.dataDir, 'exec');
  }

  /** Two callers who remove the same thing share one removal. */
  #once(key: string, work: () => Promise<void>): Promise<void> {
    const running = this.#removals.get(key) ?? work().finally(() => this.#removals.delete(key));
    this.#removals.set(key, running);
    return running;
  }

  /** What crashes and removed images left. */
  async tidy(): Promise<void> {
    try {
      const { ours, now } = this.#execs;
      const isStray = (execId: string): boolean => execId.startsWith(ours) && !execId.startsWith(now);
      await this.#sandboxes.tidy(await this.#containers.tidy(isStray));
      const images = (await this.#containers.list()).map(({ imageId }) => imageId);
      await this.#importer.prune(new Set(images));
    } catch (error) {
      this.#options.log.debug({ error }, 'tidying up is put off');
    }
  }
}
