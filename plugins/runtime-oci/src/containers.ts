import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Env, Logger, TimerHandle } from '@timonel/sdk';
import {
  RuntimeError,
  stopSignalNumber,
  updatedResources,
  type ContainerConfig,
  type ResourceUpdate,
} from '@timonel/sdk/contracts/runtime';
import { ChangeSignal, checkId, LogRotation, type HostLog } from '@timonel/sdk/linux';
import { resize, type CgroupDriver } from '@timonel/sdk/linux/cgroup';
import type { RuntimeOciConfig } from './config.ts';
import { Container, type StoredContainer } from './container.ts';
import { ContainerMaker, type MadeIn } from './container-maker.ts';
import { ContainerStarter } from './container-starter.ts';
import { keepFullLog } from './full-log.ts';
import { bootId, killProcess, signalProcess } from './identity.ts';
import { readJson } from './json-file.ts';
import type { Layout } from './layout.ts';
import { asRuntimeError, type OciProgram } from './oci-program.ts';

/** A process in uninterruptible sleep (a dead network disk) does not die at once; we wait this long. */
const killDeadlineMs = 10_000;
/** For conmon, which first reads what a dead container wrote. */
const monitorPatienceMs = 5000;
const sweepMs = 1000;

export interface ContainersOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly layout: Layout;
  readonly cgroups: CgroupDriver;
  readonly program: OciProgram;
  readonly settings: RuntimeOciConfig;
  readonly onChange: (container: Container) => void;
  cgroupOf(sandboxId: string, containerId: string): string;
}

/** All containers of this runtime: makes, finds, watches and removes them. */
export class Containers {
  readonly #options: ContainersOptions;
  readonly #known = new Map<string, Container>();
  readonly #inCreation = new Map<string, { readonly sandboxId: string; readonly done: Promise<unknown> }>();
  readonly #starts = new Map<string, Promise<void>>();
  readonly #signal: ChangeSignal;
  readonly #maker: ContainerMaker;
  readonly #starter: ContainerStarter;
  readonly #rotation: LogRotation;
  readonly #bootId = bootId();
  #sweeper: TimerHandle | undefined;

  constructor(options: ContainersOptions) {
    this.#options = options;
    this.#maker = new ContainerMaker(options);
    this.#starter = new ContainerStarter(options);
    this.#signal = new ChangeSignal(options.layout.exits, (id) => {
      this.#look(id);
    });
    const { env, log } = options;
    this.#rotation = new LogRotation(env, log, () => Promise.resolve(this.#logs()));
  }

  /** Begins to watch, then finds what runs and what ended in the meantime; clears away what was half-made. */
  async open(): Promise<void> {
    const { layout } = this.#options;
    mkdirSync(layout.containers, { recursive: true });
    this.#signal.open();
    for (const id of readdirSync(layout.containers)) {
      const stored = readJson(join(layout.container(id), 'container.json')) as StoredContainer | undefined;
      if (stored === undefined) {
        await this.#maker.clear(id, undefined);
        continue;
      }
      const container = this.#container(stored);
      this.#known.set(id, container);
      await this.#starter.adopt(container, this.#bootId);
    }
    for (const name of readdirSync(layout.exits)) {
      if (!this.#known.has(name)) rmSync(layout.exitFile(name), { force: true });
    }
    this.#sweep();
    this.#sweeper = this.#options.env.timers.every(sweepMs, () => {
      this.#sweep();
    });
    this.#rotation.open();
  }

  close(): void {
    this.#rotation.close();
    this.#sweeper?.cancel();
    this.#signal.close();
  }

  get(id: string): Container | undefined {
    const container = this.#known.get(id);
    if (container !== undefined) this.#look(id);
    return container;
  }

  all(): Container[] {
    this.#sweep();
    return [...this.#known.values()];
  }

  async create(config: ContainerConfig, madeIn: MadeIn): Promise<Container> {
    checkId(config.id, 'CreateContainerConfigError');
    if (this.#known.has(config.id) || this.#inCreation.has(config.id)) {
      throw new RuntimeError('CreateContainerError', `container ${config.id} exists already`);
    }
    const creation = this.#make(config, madeIn);
    const done = creation.catch(() => undefined); // whoever waits for the end does not care how
    this.#inCreation.set(config.id, { sandboxId: config.sandboxId, done });
    try {
      return await creation;
    } finally {
      this.#inCreation.delete(config.id);
    }
  }

  /** Resolves when no container of this sandbox is half-made any more. */
  async creationsOf(sandboxId: string): Promise<void> {
    const those = [...this.#inCreation.values()].filter((each) => each.sandboxId === sandboxId);
    await Promise.all(those.map(({ done }) => done));
  }

  async #make(config: ContainerConfig, madeIn: MadeIn): Promise<Container> {
    try {
      this.#processesOf(config);
      const container = this.#container(await this.#maker.make(config, madeIn, this.#bootId));
      this.#known.set(config.id, container);
      return container;
    } catch (error) {
      await this.#maker.clear(config.id, config.sandboxId).catch((fault: unknown) => {
        const what = 'what was made of a failed container could not be removed yet';
        this.#options.log.warn({ container: config.id, fault }, what);
      });
      throw asRuntimeError(error, 'CreateContainerError');
    }
  }

  /** Two callers who start the same container share one start. `pausePid`: of the process that holds the namespaces. */
  start(id: string, pausePid: () => number): Promise<void> {
    const running = this.#starts.get(id) ?? this.#start(id, pausePid).finally(() => this.#starts.delete(id));
    this.#starts.set(id, running);
    return running;
  }

  async #start(id: string, pausePid: () => number): Promise<void> {
    const container = this.get(id);
    if (container === undefined) throw new RuntimeError('StartError', `there is no container ${id}`, { exitCode: 128 });
    if (container.state === 'running') return;
    if (container.state === 'exited') {
      throw new RuntimeError('StartError', `container ${id} has ended already`, { exitCode: 128 });
    }
    try {
      await this.#starter.start(container, pausePid, () => this.#processesOf(container.config));
    } catch (error) {
      this.#told(container);
      throw error;
    }
    this.#told(container);
    this.#look(id);
  }

  async stop(id: string, gracePeriodMs: number): Promise<void> {
    await this.#starts.get(id)?.catch(() => undefined);
    const container = this.get(id);
    if (container === undefined || container.state === 'exited') return;
    if (container.run !== undefined && gracePeriodMs > 0) {
      signalProcess(container.run.init, stopSignalNumber(container.config.stopSignal));
      if (await this.until(container, () => container.state === 'exited', gracePeriodMs)) return;
    }
    await this.kill(container);
  }

  async kill(container: Container): Promise<void> {
    await this.#starts.get(container.config.id)?.catch(() => undefined);
    const { run } = container;
    if (container.state === 'exited') return;
    if (run === undefined) {
      const finishedAt = this.#options.env.clock.now();
      container.end({ exitCode: 137, signal: 9, finishedAt, reason: 'Error', message: 'ended before it was started' });
      this.#told(container);
      return;
    }
    killProcess(run.init);
    const isOver = (): boolean => container.state === 'exited';
    if (await this.until(container, isOver, monitorPatienceMs)) return;
    this.#options.log.warn({ container: container.config.id }, 'conmon does not answer: killed with its container');
    killProcess(run.monitor);
    if (await this.until(container, isOver, killDeadlineMs)) return;
    const what = `container ${container.config.id} did not die within ${killDeadlineMs} ms`;
    throw new RuntimeError('KillContainerError', what);
  }

  async remove(id: string): Promise<void> {
    const container = this.get(id);
    if (container === undefined) return;
    await this.kill(container);
    await this.#maker.clear(id, container.config.sandboxId);
    this.#known.delete(id);
  }

  update(id: string, update: ResourceUpdate): void {
    const container = this.get(id);
    if (container === undefined) throw new RuntimeError('ResizeError', `there is no container ${id}`);
    if (container.state === 'exited') throw new RuntimeError('ResizeError', `container ${id} has ended`);
    const { config } = container;
    const path = this.#options.cgroupOf(config.sandboxId, id);
    resize(this.#options.cgroups, { path, update, before: config.resources }, () => {
      const resources = updatedResources(config.resources, update);
      container.store({ ...container.stored, config: { ...config, resources } });
    });
  }

  /** Calls `wake` when this container may have ended, until the returned function is called. */
  listen(container: Container, wake: () => void): () => void {
    return this.#signal.listen(container.config.id, wake);
  }

  #container(stored: StoredContainer): Container {
    const { layout, cgroups } = this.#options;
    const { id, sandboxId } = stored.config;
    return new Container(stored, {
      directory: layout.container(id),
      exitFile: layout.exitFile(id),
      oomFile: cgroups.oomFile(this.#options.cgroupOf(sandboxId, id)),
    });
  }

  #processesOf({ processesOf, sandboxId }: ContainerConfig): number | undefined {
    if (processesOf === undefined) return undefined;
    const target = this.get(processesOf);
    if (target?.state === 'running' && target.config.sandboxId === sandboxId) return target.run?.init.pid;
    const what = `container ${processesOf}, whose processes it is to see, is not running in sandbox ${sandboxId}`;
    throw new RuntimeError('CreateContainerError', what);
  }

  #look(id: string): void {
    const container = this.#known.get(id);
    if (container === undefined || this.#starts.has(id)) return;
    if (!container.settle(this.#bootId, this.#options.env.clock.now())) return;
    this.#killRest(container);
    this.#told(container);
  }

  /** In a pid namespace that others share, what the first process left behind lives on. */
  #killRest({ config }: Container): void {
    const { cgroups } = this.#options;
    const path = this.#options.cgroupOf(config.sandboxId, config.id);
    if (cgroups.kill(path)) return;
    for (const pid of cgroups.processes(path)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it ended by itself
      }
    }
  }

  #logs(): HostLog[] {
    const begun = [...this.#known.values()].filter(({ state }) => state !== 'created');
    return begun.map(({ stored: { logPath } }) => ({
      path: logPath,
      rotate: () => keepFullLog(logPath, this.#options.settings),
    }));
  }

  #told(container: Container): void {
    this.#options.onChange(container);
    this.#signal.wake(container.config.id);
  }

  #sweep(): void {
    for (const id of this.#known.keys()) this.#look(id);
  }

  /** False: not within the time. */
  until(container: Container, done: () => boolean, timeoutMs: number): Promise<boolean> {
    const id = container.config.id;
    this.#look(id);
    if (done()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (result: boolean): void => {
        timer.cancel();
        forget();
        resolve(result);
      };
      const timer = this.#options.env.timers.after(timeoutMs, () => {
        this.#look(id);
        finish(done());
      });
      const forget = this.#signal.listen(id, () => {
        if (done()) finish(true);
      });
    });
  }
}
