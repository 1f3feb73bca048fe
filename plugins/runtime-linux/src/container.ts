import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@timonel/sdk';
import {
  updatedResources,
  type ContainerConfig,
  type ContainerState,
  type ContainerStatus,
  type ResourceUpdate,
} from '@timonel/sdk/contracts/runtime';
import { isAlive, killProcess, type ProcessIdentity } from '@timonel/sdk/linux';
import { readExit, readIdentity, readTime, writeAtomically, writeExit, type ExitRecord } from './records.ts';

const terminationMessageBytes = 4096;

/** What `config.json` of a container holds. */
export interface StoredContainer {
  readonly config: ContainerConfig;
  readonly logPath: string;
  readonly bootId: string;
}

/** A container as its state directory tells. What cannot change any more is kept in memory. */
export class Container {
  stored: StoredContainer;
  readonly directory: string;
  readonly monitor: ProcessIdentity;
  readonly init: ProcessIdentity;
  readonly #createdAt: number;
  #startedAt = 0;
  #exit: ExitRecord | undefined;
  #message = '';

  private constructor(stored: StoredContainer, directory: string, monitor: ProcessIdentity, init: ProcessIdentity) {
    this.stored = stored;
    this.directory = directory;
    this.monitor = monitor;
    this.init = init;
    this.#createdAt = readTime(directory, 'created');
  }

  /** Undefined: the directory is half-made. */
  static load(stored: StoredContainer, directory: string): Container | undefined {
    const monitor = readIdentity(directory, 'monitor');
    const init = readIdentity(directory, 'created');
    return monitor === undefined || init === undefined ? undefined : new Container(stored, directory, monitor, init);
  }

  get config(): ContainerConfig {
    return this.stored.config;
  }

  get exit(): ExitRecord | undefined {
    return this.#exit;
  }

  get state(): ContainerState {
    if (this.#exit !== undefined) return 'exited';
    return this.#startedAt > 0 ? 'running' : 'created';
  }

  /** Reads what the monitor recorded since. True: the state is another one. */
  refresh(): boolean {
    const before = this.state;
    if (before === 'exited') return false;
    if (this.#startedAt === 0) this.#startedAt = readTime(this.directory, 'started');
    this.#exit = readExit(this.directory);
    if (this.#exit !== undefined) this.#message = this.#terminationMessage() || this.#exit.message;
    return this.state !== before;
  }

  /**
   * The monitor leaves a record whenever it can. When it is gone without one (kill -9, the machine went down), its
   * container dies with it by the kernel's parent-death signal; a program may have cleared that, so it is killed again.
   */
  settleWithoutMonitor(bootId: string, now: number): boolean {
    const sameBoot = this.stored.bootId === bootId;
    if (this.#exit !== undefined || (sameBoot && isAlive(this.monitor))) return false;
    if (sameBoot) killProcess(this.init);
    if (this.refresh() && this.#exit !== undefined) return true;
    if (sameBoot && isAlive(this.init)) return false;
    const why = sameBoot ? 'the monitor process of the container was killed' : 'the node was restarted';
    const exit: ExitRecord = {
      exitCode: 137,
      signal: 9,
      finishedAt: now,
      reason: 'Error',
      message: `${why}, and the container ended with it`,
    };
    try {
      writeExit(this.directory, exit);
    } catch {
      // The disk is full: that it ended is true all the same, and the next runtime comes to the same finding.
      this.#exit = exit;
      this.#message = exit.message;
      return true;
    }
    return this.refresh();
  }

  /** Notes the limits that hold from now on, for whoever comes after a restart. */
  resized(update: ResourceUpdate): void {
    const { config } = this.stored;
    const stored = { ...this.stored, config: { ...config, resources: updatedResources(config.resources, update) } };
    writeAtomically(join(this.directory, 'config.json'), JSON.stringify(stored));
    this.stored = stored;
  }

  /** Hands a command to the monitor. False: there is no monitor any more. */
  tell(command: string): boolean {
    let fifo: number;
    try {
      fifo = openSync(join(this.directory, 'control'), constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENXIO' || code === 'ENOENT') return false;
      throw error;
    }
    try {
      writeSync(fifo, `${command}\n`);
      return true;
    } finally {
      closeSync(fifo);
    }
  }

  status(): ContainerStatus {
    const { config } = this;
    const state = this.state;
    return {
      id: config.id,
      sandboxId: config.sandboxId,
      name: config.name,
      attempt: config.attempt,
      state,
      imageId: config.image.imageId,
      imageReference: config.image.reference,
      pid: state === 'exited' ? undefined : this.init.pid,
      createdAt: this.#createdAt,
      startedAt: this.#startedAt,
      finishedAt: this.#exit?.finishedAt ?? 0,
      exitCode: this.#exit?.exitCode,
      signal: this.#exit === undefined || this.#exit.signal === 0 ? undefined : this.#exit.signal,
      reason: this.#exit?.reason ?? '',
      message: this.#message,
      logPath: this.stored.logPath,
      writableLayer: join(this.directory, 'upper'),
      labels: config.labels,
      resources: config.resources,
    };
  }

  #terminationMessage(): string {
    if (this.config.terminationMessagePath === '') return '';
    try {
      return readEnd(join(this.directory, 'termination'), terminationMessageBytes);
    } catch {
      return '';
    }
  }
}

/** The last bytes of a file, which may be of any size. */
function readEnd(path: string, bytes: number): string {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const { size } = fstatSync(fd);
    const end = Buffer.alloc(Math.min(size, bytes));
    return end.subarray(0, readSync(fd, end, 0, end.length, size - end.length)).toString('utf8');
  } finally {
    closeSync(fd);
  }
}
