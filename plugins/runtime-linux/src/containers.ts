import type { Logger, TimerHandle } from '@timonel/sdk';
import {
  RuntimeError,
  stopSignalNumber,
  type ContainerConfig,
  type SandboxConfig,
} from '@timonel/sdk/contracts/runtime';
import { ChangeSignal, isAlive, killProcess } from '@timonel/sdk/linux';
import { asCreateError, checkContainer } from './container-faults.ts';
import { ContainerFiles, type ContainerFilesOptions } from './container-files.ts';
import { Container } from './container.ts';
import { checkId } from './layout.ts';

/** A process in uninterruptible sleep (a dead network disk) does not die at once; we wait this long. */
const killDeadlineMs = 10_000;
/** A monitor that still reads the output of a dead container takes up to 2 s. */
const monitorPatienceMs = 5000;
const startDeadlineMs = 30_000;
const sweepMs = 1000;

export interface ContainersOptions extends ContainerFilesOptions {
  readonly onChange: (container: Container) => void;
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
  readonly #log: Logger;
  readonly #files: ContainerFiles;
  readonly #known = new Map<string, Container>();
  readonly #inCreation = new Map<string, { readonly sandboxId: string; readonly done: Promise<unknown> }>();
  /** What is left of containers that could not be made, by id, with the sandbox with which it is to go. */
  readonly #halfMade = new Map<string, string>();
  readonly #signal: ChangeSignal;
  #sweeper: TimerHandle | undefined;

  constructor(options: ContainersOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#files = new ContainerFiles(options);
    this.#signal = new ChangeSignal(options.layout.events, (id) => {
      this.#look(id);
    });
  }

  /** Begins to watch, then finds what runs and what ended in the meantime; clears away what was half-made. */
  async open(): Promise<void> {
    await this.#files.open();
    this.#signal.open();
    for (const id of this.#files.ids()) await this.#find(id);
    this.#sweep();
    this.#sweeper = this.#options.env.timers.every(sweepMs, () => {
      this.#sweep();
    });
  }

  async #find(id: string): Promise<void> {
    const stored = this.#files.stored(id);
    const directories = this.#files.directories(id);
    if (stored !== undefined && stored.runId !== this.#options.runId()) {
      await this.#files.endGroup(id, stored.config.sandboxId);
      this.#known.set(id, Container.ofThePast(stored, directories, this.#options.env.clock.now()));
      return;
    }
    const container = stored === undefined ? undefined : Container.load(stored, directories);
    if (container === undefined) await this.#files.clear(id, stored?.config.sandboxId);
    else this.#known.set(id, container);
    container?.refresh();
  }

  close(): void {
    this.#sweeper?.cancel();
    this.#signal.close();
    this.#files.close();
  }

  get isEmpty(): boolean {
    return this.#known.size === 0 && this.#halfMade.size === 0 && this.#inCreation.size === 0;
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

  async create(config: ContainerConfig, sandbox: SandboxConfig): Promise<Container> {
    checkId(config.id, 'CreateContainerConfigError');
    checkContainer(config);
    if (this.#known.has(config.id) || this.#inCreation.has(config.id)) {
      throw new RuntimeError('CreateContainerError', `container ${config.id} exists already`);
    }
    const creation = this.#make(config, sandbox);
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

  async #make(config: ContainerConfig, sandbox: SandboxConfig): Promise<Container> {
    const directories = this.#files.directories(config.id);
    try {
      if (this.#halfMade.has(config.id)) await this.#files.clear(config.id, config.sandboxId);
      this.#halfMade.delete(config.id);
      const stored = this.#files.prepare({ config, sandbox, processesOf: this.#processesOf(config) });
      const made = this.#options.launcher.run('container', directories.run);
      try {
        this.#files.record(stored);
      } finally {
        await made;
      }
      const container = Container.load(stored, directories);
      if (container === undefined) throw new Error(`timonel-monitor left no record in ${directories.run}`);
      this.#known.set(config.id, container);
      return container;
    } catch (error) {
      await this.#files.clear(config.id, config.sandboxId).catch((fault: unknown) => {
        this.#halfMade.set(config.id, config.sandboxId);
        this.#log.warn({ container: config.id, fault }, 'what was made of a failed container could not be removed yet');
      });
      throw asCreateError(error);
    }
  }

  /** Removes what is left of containers of this sandbox that could not be made. */
  async clearHalfMade(sandboxId: string): Promise<void> {
    for (const [id, sandbox] of this.#halfMade) {
      if (sandbox !== sandboxId) continue;
      await this.#files.clear(id, sandboxId);
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
    this.#log.warn({ container: container.config.id }, 'the monitor does not answer: killed with its container');
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
    await this.#files.clear(id, container.config.sandboxId, [container.monitor, container.init]);
    this.#known.delete(id);
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

  #look(id: string): void {
    const container = this.#known.get(id);
    if (container === undefined || container.state === 'exited') return;
    const changed = container.refresh() || container.settleWithoutMonitor(this.#options.env.clock.now());
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
