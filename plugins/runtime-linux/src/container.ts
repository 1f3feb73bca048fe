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
import { readExit, readIdentity, readStart, writeAtomically, writeExit, type ExitRecord } from './records.ts';

const terminationMessageBytes = 4096;
const killed = { exitCode: 137, signal: 9, reason: 'Error' };

/** What `config.json` of a container holds. */
export interface StoredContainer {
  readonly config: ContainerConfig;
  readonly logPath: string;
  /** ms since the epoch. */
  readonly createdAt: number;
  /** Of the run directory in which it was made: under another one its processes are gone. */
  readonly runId: string;
}

/** Where its files are. */
export interface ContainerDirectories {
  /** On disk: its configuration, how it ended. */
  readonly state: string;
  /** In the run directory: records of its processes, and the ways to talk to its monitor. */
  readonly run: string;
}

/** None, as of a container that a boot ended. */
const nobody: ProcessIdentity = { pid: 0, startTime: '' };

/** A container as its directories tell. What cannot change any more is kept in memory. */
export class Container {
  stored: StoredContainer;
  readonly directories: ContainerDirectories;
  readonly monitor: ProcessIdentity;
  readonly init: ProcessIdentity;
  #startedAt = 0;
  #exit: ExitRecord | undefined;
  #message = '';

  private constructor(
    stored: StoredContainer,
    directories: ContainerDirectories,
    monitor: ProcessIdentity,
    init: ProcessIdentity,
  ) {
    this.stored = stored;
    this.directories = directories;
    this.monitor = monitor;
    this.init = init;
  }

  /** Undefined: it is half-made. */
  static load(stored: StoredContainer, directories: ContainerDirectories): Container | undefined {
    const monitor = readIdentity(directories.run, 'monitor');
    const init = readIdentity(directories.run, 'created');
    return monitor === undefined || init === undefined ? undefined : new Container(stored, directories, monitor, init);
  }

  /** One that was made in a run directory that is gone: if it did not end before, it ended with that. */
  static ofThePast(stored: StoredContainer, directories: ContainerDirectories, now: number): Container {
    const container = new Container(stored, directories, nobody, nobody);
    container.refresh();
    if (container.#exit !== undefined) return container;
    const why = 'the node was restarted, and the container ended with it';
    container.#record({ ...killed, startedAt: stored.createdAt, finishedAt: now, message: why });
    return container;
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
    if (this.#startedAt === 0) this.#startedAt = readStart(this.directories.run);
    this.#exit = readExit(this.directories.run) ?? readExit(this.directories.state);
    if (this.#exit !== undefined) {
      this.#startedAt = this.#exit.startedAt;
      this.#message = this.#terminationMessage() || this.#exit.message;
    }
    return this.state !== before;
  }

  /**
   * The monitor leaves a record whenever it can. When it is gone without one (kill -9, the machine went down), its
   * container dies with it by the kernel's parent-death signal; a program may have cleared that, so it is killed again.
   */
  settleWithoutMonitor(now: number): boolean {
    if (this.#exit !== undefined || isAlive(this.monitor)) return false;
    killProcess(this.init);
    if (this.refresh() && this.#exit !== undefined) return true;
    if (isAlive(this.init)) return false;
    const why = 'the monitor process of the container was killed, and the container ended with it';
    this.#record({ ...killed, startedAt: this.#startedAt, finishedAt: now, message: why });
    return true;
  }

  #record(exit: ExitRecord): void {
    try {
      writeExit(this.directories.state, exit);
      this.refresh();
    } catch {
      // The disk is full: that it ended is true all the same, and the next runtime comes to the same finding.
      this.#exit = exit;
      this.#startedAt = exit.startedAt;
      this.#message = exit.message;
    }
  }

  /** Notes the limits that hold from now on, for whoever comes after a restart. */
  resized(update: ResourceUpdate): void {
    const { config } = this.stored;
    const stored = { ...this.stored, config: { ...config, resources: updatedResources(config.resources, update) } };
    writeAtomically(join(this.directories.state, 'config.json'), JSON.stringify(stored));
    this.stored = stored;
  }

  /** Hands a command to the monitor. False: there is no monitor any more. */
  tell(command: string): boolean {
    let fifo: number;
    try {
      fifo = openSync(join(this.directories.run, 'control'), constants.O_WRONLY | constants.O_NONBLOCK);
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
      createdAt: this.stored.createdAt,
      startedAt: this.#startedAt,
      finishedAt: this.#exit?.finishedAt ?? 0,
      exitCode: this.#exit?.exitCode,
      signal: this.#exit === undefined || this.#exit.signal === 0 ? undefined : this.#exit.signal,
      reason: this.#exit?.reason ?? '',
      message: this.#message,
      logPath: this.stored.logPath,
      writableLayer: join(this.directories.state, 'upper'),
      labels: config.labels,
      resources: config.resources,
    };
  }

  #terminationMessage(): string {
    if (this.config.terminationMessagePath === '') return '';
    try {
      return readEnd(join(this.directories.state, 'termination'), terminationMessageBytes);
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
