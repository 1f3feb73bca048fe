/** One container as a plain child process in a process group of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { errorCode, errorMessage, type Env } from '@timonel/sdk';
import {
  RuntimeError,
  stopSignalNumber,
  type ContainerConfig,
  type ContainerStatus,
  type ExecSession,
} from '@timonel/sdk/contracts/runtime';
import { AttachHub } from './attach-hub.ts';
import { commandLine, spawnOptions } from './command.ts';
import { CriLog } from './cri-log.ts';
import { killGroup, type ProcessTable } from './process-table.ts';
import { SourceGate } from './source-gate.ts';

const sigkill = constants.signals.SIGKILL;
/** Left-over holders of the output pipes (a daemon that left the group) do not keep the container from ending. */
const outputGraceMs = 500;

export interface ContainerEvents {
  started(container: ProcessContainer): void;
  exited(container: ProcessContainer): void;
}

export class ProcessContainer {
  readonly config: ContainerConfig;
  status: ContainerStatus;
  readonly #env: Env;
  readonly #table: ProcessTable;
  readonly #events: ContainerEvents;
  readonly #waiters: (() => void)[] = [];
  #child: ChildProcess | undefined;
  #hub: AttachHub | undefined;

  constructor(config: ContainerConfig, logDirectory: string, env: Env, table: ProcessTable, events: ContainerEvents) {
    this.config = config;
    this.#env = env;
    this.#table = table;
    this.#events = events;
    this.status = {
      id: config.id,
      sandboxId: config.sandboxId,
      name: config.name,
      attempt: config.attempt,
      state: 'created',
      imageId: config.image.imageId,
      imageReference: config.image.reference,
      pid: undefined,
      createdAt: env.clock.now(),
      startedAt: 0,
      finishedAt: 0,
      exitCode: undefined,
      signal: undefined,
      reason: '',
      message: '',
      logPath: `${logDirectory}/${config.name}/${config.attempt}.log`,
      labels: config.labels,
    };
  }

  /** @throws RuntimeError StartError */
  async start(): Promise<void> {
    if (this.status.state === 'running') return;
    if (this.status.state === 'exited') throw new RuntimeError('StartError', `container ${this.config.id} has ended`);
    const [program = '', ...args] = commandLine(this.config, this.config.command);
    mkdirSync(dirname(this.status.logPath), { recursive: true });
    const { stdin, stdinOnce } = this.config;
    const stdio: ('pipe' | 'ignore')[] = [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'];
    const child = spawn(program, args, { ...spawnOptions(this.config), stdio });
    this.#child = child;
    const gate = new SourceGate([child.stdout, child.stderr].filter((source) => source !== null));
    this.#hub = new AttachHub(child.stdout, child.stderr, child.stdin, { once: stdinOnce, env: this.#env, gate });
    const log = new CriLog(this.status.logPath, this.#env.clock, gate);
    if (child.stdout !== null) log.follow('stdout', child.stdout);
    if (child.stderr !== null) log.follow('stderr', child.stderr);
    const drained = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.once('exit', (code, signal) => void this.#ended(code, signal, drained, log));
    try {
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
    } catch (error) {
      await log.close();
      throw this.#startError(program, error);
    }
    const { pid } = child;
    this.status = { ...this.status, state: 'running', pid, startedAt: this.#env.clock.now() };
    this.#events.started(this);
    if (pid !== undefined) await this.#table.add(pid);
  }

  /** @throws RuntimeError AttachError */
  attach(stdin: boolean): ExecSession {
    if (this.status.state === 'running' && this.#hub !== undefined) return this.#hub.attach(stdin);
    throw new RuntimeError('AttachError', `container ${this.config.id} is not running: it is ${this.status.state}`);
  }

  /** The stop signal, after the grace period SIGKILL; resolves when it has exited. */
  async stop(gracePeriodMs: number): Promise<void> {
    if (this.status.state === 'created') this.#finish(128 + sigkill, sigkill, 'Error', '');
    if (this.status.state === 'exited') return;
    const exited = new Promise<void>((resolve) => this.#waiters.push(resolve));
    if (gracePeriodMs <= 0) {
      this.#kill('SIGKILL');
      return exited;
    }
    this.#kill(stopSignalNumber(this.config.stopSignal));
    const timer = this.#env.timers.after(gracePeriodMs, () => this.#kill('SIGKILL'));
    await exited;
    timer.cancel();
  }

  #kill(signal: NodeJS.Signals | number): void {
    const pid = this.#child?.pid;
    if (pid !== undefined) killGroup(pid, signal);
  }

  #startError(program: string, cause: unknown): RuntimeError {
    const code = errorCode(cause);
    const exitCode = code === 'ENOENT' ? 127 : code === 'EACCES' ? 126 : 128;
    const why = code === 'ENOENT' ? 'executable file not found on this host' : errorMessage(cause);
    const message = `exec: "${program}": ${why}`;
    this.#finish(exitCode, undefined, 'StartError', message);
    return new RuntimeError('StartError', message, { exitCode, cause });
  }

  async #ended(
    code: number | null,
    signalName: NodeJS.Signals | null,
    drained: Promise<void>,
    log: CriLog,
  ): Promise<void> {
    const pid = this.#child?.pid;
    // As with the first process of a pid namespace: its end is the end of the others.
    this.#kill('SIGKILL');
    this.#hub?.hurry();
    const waited = new AbortController();
    await Promise.race([drained, this.#env.timers.sleep(outputGraceMs, waited.signal).catch(() => undefined)]);
    waited.abort();
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
    await log.close();
    const signal = signalName === null ? undefined : constants.signals[signalName];
    const exitCode = code ?? 128 + (signal ?? 0);
    this.#finish(exitCode, signal, exitCode === 0 ? 'Completed' : 'Error', '');
    if (pid !== undefined) await this.#table.remove(pid).catch(() => undefined);
  }

  #finish(exitCode: number, signal: number | undefined, reason: string, message: string): void {
    if (this.status.state === 'exited') return;
    const finishedAt = this.#env.clock.now();
    this.status = { ...this.status, state: 'exited', pid: undefined, finishedAt, exitCode, signal, reason, message };
    this.#hub?.end(exitCode);
    for (const resolve of this.#waiters.splice(0)) resolve();
    this.#events.exited(this);
  }
}
