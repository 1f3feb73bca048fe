import { chmodSync, mkdirSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import {
  RuntimeError,
  stopSignalNumber,
  type ContainerConfig,
  type SandboxConfig,
} from '@timonel/sdk/contracts/runtime';
import { bootId, ChangeSignal, isAlive, killProcess } from '@timonel/sdk/linux';
import type { RuntimeLinuxConfig } from './config.ts';
import { allowedDevices } from './device-spec.ts';
import { containerSpec } from './container-spec.ts';
import { asCreateError, checkContainer } from './container-faults.ts';
import { Container, type StoredContainer } from './container.ts';
import type { Launcher } from './launcher.ts';
import { checkId, isId, type Layout } from './layout.ts';
import { type DeviceDriver, removeGroups } from '@timonel/sdk/linux/cgroup';
import { readIdentity, readJson } from './records.ts';
import { encodeSpec } from './spec-file.ts';

/** A process in uninterruptible sleep (a dead network disk) does not die at once; we wait this long. */
const killDeadlineMs = 10_000;
/** A monitor that still reads the output of a dead container takes up to 2 s. */
const monitorPatienceMs = 5000;
const startDeadlineMs = 30_000;
const sweepMs = 1000;

export interface ContainersOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly layout: Layout;
  readonly launcher: Launcher;
  readonly cgroups: DeviceDriver;
  readonly settings: RuntimeLinuxConfig;
  readonly onChange: (container: Container) => void;
  cgroupOf(sandboxId: string, containerId: string): string;
}

/** The end of one container. */
export interface ContainerEnd {
  /** Its exit code; undefined: it did not end within the time. */
  within(timeoutMs: number): Promise<number | undefined>;
  /** False: its monitor is gone, and it ends with it. */
  isMonitored(): boolean;
  /** Calls back with the exit code when it ends from now on, until the returned function is called. */
  listen(fn: (exitCode: number) => void): () => void;
}

/** All containers of this runtime: makes, finds, watches and removes them. */
export class Containers {
  readonly #options: ContainersOptions;
  readonly #known = new Map<string, Container>();
  readonly #inCreation = new Map<string, { readonly sandboxId: string; readonly done: Promise<unknown> }>();
  /** What is left of containers that could not be made, by id, with the sandbox with which it is to go. */
  readonly #halfMade = new Map<string, string>();
  readonly #signal: ChangeSignal;
  readonly #bootId = bootId();
  #sweeper: TimerHandle | undefined;

  constructor(options: ContainersOptions) {
    this.#options = options;
    this.#signal = new ChangeSignal(options.layout.events, (id) => {
      this.#look(id);
    });
  }

  /** Begins to watch, then finds what runs and what ended in the meantime; clears away what was half-made. */
  async open(): Promise<void> {
    const { layout } = this.#options;
    mkdirSync(layout.containers, { recursive: true });
    this.#signal.open();
    for (const id of readdirSync(layout.containers)) {
      const stored = readJson(join(layout.container(id), 'config.json')) as StoredContainer | undefined;
      const container = stored === undefined ? undefined : Container.load(stored, layout.container(id));
      if (container === undefined) await this.#clear(id, stored?.config.sandboxId);
      else this.#known.set(id, container);
      container?.refresh();
    }
    this.#sweep();
    this.#sweeper = this.#options.env.timers.every(sweepMs, () => {
      this.#sweep();
    });
  }

  close(): void {
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

  async create(config: ContainerConfig, sandbox: SandboxConfig, sandboxDirectory: string): Promise<Container> {
    checkId(config.id, 'CreateContainerConfigError');
    checkContainer(config);
    if (this.#known.has(config.id) || this.#inCreation.has(config.id)) {
      throw new RuntimeError('CreateContainerError', `container ${config.id} exists already`);
    }
    const creation = this.#make(config, sandbox, sandboxDirectory);
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
    await Promise.all(
      [...this.#inCreation.values()].filter((each) => each.sandboxId === sandboxId).map(({ done }) => done),
    );
  }

  async #make(config: ContainerConfig, sandbox: SandboxConfig, sandboxDirectory: string): Promise<Container> {
    const directory = this.#options.layout.container(config.id);
    try {
      if (this.#halfMade.has(config.id)) await this.#clear(config.id, config.sandboxId);
      this.#halfMade.delete(config.id);
      const stored = this.#prepare(config, sandbox, sandboxDirectory);
      await this.#options.launcher.run('container', directory);
      const container = Container.load(stored, directory);
      if (container === undefined) throw new Error(`timonel-monitor left no record in ${directory}`);
      this.#known.set(config.id, container);
      return container;
    } catch (error) {
      await this.#clear(config.id, config.sandboxId).catch((fault: unknown) => {
        this.#halfMade.set(config.id, config.sandboxId);
        this.#options.log.warn(
          { container: config.id, fault },
          'what was made of a failed container could not be removed yet',
        );
      });
      throw asCreateError(error);
    }
  }

  /** Removes what is left of containers of this sandbox that could not be made. */
  async clearHalfMade(sandboxId: string): Promise<void> {
    for (const [id, sandbox] of this.#halfMade) {
      if (sandbox !== sandboxId) continue;
      await this.#clear(id, sandboxId);
      this.#halfMade.delete(id);
    }
  }

  async start(id: string): Promise<void> {
    const container = this.get(id);
    if (container === undefined) throw new RuntimeError('StartError', `there is no container ${id}`, { exitCode: 128 });
    if (container.state === 'running') return;
    if (container.state === 'exited') {
      throw new RuntimeError('StartError', `container ${id} has ended already`, { exitCode: 128 });
    }
    container.tell('start');
    const left = await this.#until(container, () => container.state !== 'created', startDeadlineMs);
    if (!left) throw new RuntimeError('StartError', `container ${id} did not start in time`, { exitCode: 128 });
    if (container.exit?.reason === 'StartError') {
      throw new RuntimeError('StartError', container.exit.message, { exitCode: container.exit.exitCode });
    }
  }

  async stop(id: string, gracePeriodMs: number): Promise<void> {
    const container = this.get(id);
    if (container === undefined || container.state === 'exited') return;
    if (container.state === 'running' && gracePeriodMs > 0) {
      container.tell(`signal ${stopSignalNumber(container.config.stopSignal)}`);
      if (await this.#until(container, () => container.state === 'exited', gracePeriodMs)) return;
    }
    await this.kill(container);
  }

  async kill(container: Container): Promise<void> {
    if (container.state === 'exited') return;
    container.tell('signal 9');
    const isOver = (): boolean => container.state === 'exited';
    if (await this.#until(container, isOver, monitorPatienceMs)) return;
    // Stopped (SIGSTOP) or stuck: it does neither pass on the signal nor record the end.
    this.#options.log.warn(
      { container: container.config.id },
      'the monitor does not answer: killed with its container',
    );
    killProcess(container.init);
    killProcess(container.monitor);
    if (await this.#until(container, isOver, killDeadlineMs)) return;
    throw new RuntimeError(
      'KillContainerError',
      `container ${container.config.id} did not die within ${killDeadlineMs} ms`,
    );
  }

  async remove(id: string): Promise<void> {
    const container = this.get(id);
    if (container === undefined) return;
    await this.kill(container);
    await this.#clear(id, container.config.sandboxId);
    this.#known.delete(id);
  }

  #prepare(config: ContainerConfig, sandbox: SandboxConfig, sandboxDirectory: string): StoredContainer {
    const { layout, cgroups, settings } = this.#options;
    const directory = layout.container(config.id);
    const cgroup = this.#options.cgroupOf(config.sandboxId, config.id);
    const logPath = join(sandbox.logDirectory, config.name, `${config.attempt}.log`);
    const eventFile = layout.eventFile(config.id);
    const processesOf = this.#processesOf(config);
    cgroups.allowDevices(cgroup, allowedDevices(config));
    const spec = containerSpec({
      config,
      sandbox,
      settings,
      cgroups,
      cgroup,
      directory,
      sandboxDirectory,
      logPath,
      eventFile,
      processesOf,
    });
    const stored: StoredContainer = { config, logPath, bootId: this.#bootId };
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, 'config.json'), JSON.stringify(stored), { mode: 0o600 });
    writeFileSync(join(directory, 'spec'), encodeSpec(spec), { mode: 0o600 });
    for (const name of ['upper', 'work', 'rootfs']) mkdirSync(join(directory, name), { mode: 0o755 });
    if (config.terminationMessagePath !== '') writeForAll(join(directory, 'termination'));
    mkdirSync(dirname(logPath), { recursive: true });
    cgroups.create(cgroup, config.resources, 'container');
    return stored;
  }

  #processesOf({ processesOf, sandboxId }: ContainerConfig): number | undefined {
    if (processesOf === undefined) return undefined;
    const target = this.get(processesOf);
    if (target?.state === 'running' && target.config.sandboxId === sandboxId) return target.init.pid;
    const what = `container ${processesOf}, whose processes it is to see, is not running in sandbox ${sandboxId}`;
    throw new RuntimeError('CreateContainerError', what);
  }

  /** To wait for the end of a container. */
  end(container: Container): ContainerEnd {
    const exitCode = (): number | undefined => container.exit?.exitCode;
    return {
      within: async (timeoutMs) => {
        await this.#until(container, () => container.state === 'exited', timeoutMs);
        return exitCode();
      },
      isMonitored: () => isAlive(container.monitor),
      listen: (fn) =>
        this.#signal.listen(container.config.id, () => {
          const code = exitCode();
          if (code !== undefined) fn(code);
        }),
    };
  }

  /** Removes whatever there is of it, in an order in which every step can be repeated. */
  async #clear(id: string, sandboxId: string | undefined): Promise<void> {
    const { layout, cgroups, env } = this.#options;
    const directory = layout.container(id);
    const stored = readJson(join(directory, 'config.json')) as StoredContainer | undefined;
    if (stored?.bootId === this.#bootId) {
      for (const name of ['monitor', 'created'] as const) {
        const process = readIdentity(directory, name);
        if (process !== undefined) killProcess(process);
      }
    }
    removeFile(join(directory, 'config.json'));
    const removal = this.#options.launcher.run('remove', directory);
    // Groups of a container that nothing tells of any more are strays, which are looked for with the next start.
    const known = sandboxId !== undefined && isId(sandboxId);
    await Promise.all([removal, known && removeGroups(cgroups, this.#options.cgroupOf(sandboxId, id), env)]);
    rmSync(layout.eventFile(id), { force: true });
  }

  #look(id: string): void {
    const container = this.#known.get(id);
    if (container === undefined || container.state === 'exited') return;
    const changed = container.refresh() || container.settleWithoutMonitor(this.#bootId, this.#options.env.clock.now());
    if (changed) this.#options.onChange(container);
  }

  #sweep(): void {
    for (const [id, container] of this.#known) {
      const before = container.state;
      this.#look(id);
      if (container.state !== before) this.#signal.wake(id);
    }
  }

  /** False: not within the time. */
  #until(container: Container, done: () => boolean, timeoutMs: number): Promise<boolean> {
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

/** Empty, and written to by every user, whatever our umask says. */
function writeForAll(path: string): void {
  writeFileSync(path, '');
  chmodSync(path, 0o666);
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
}
