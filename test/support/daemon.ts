/** A server program on loopback, by the name of its command. */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { until } from './until.ts';

const logLimit = 100_000;

/** Whether somebody listens at the port. */
export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export class Daemon {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #log = '';

  constructor(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#program = program;
    this.#args = args;
    this.#env = { PATH: process.env['PATH'], ...env };
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`${this.#program} does not run`);
    return pid;
  }

  /** What it has written. */
  get log(): string {
    return this.#log;
  }

  /** It has ended by itself, or does not run. */
  get ended(): boolean {
    return this.#process === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Also again, after it was stopped. */
  start(): void {
    const child = spawn(this.#program, this.#args, { stdio: ['ignore', 'pipe', 'pipe'], env: this.#env });
    this.#process = child;
    const keep = (chunk: Buffer): void => {
      this.#log = `${this.#log}${chunk.toString()}`.slice(-logLimit);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  /** Resolves when it takes connections. */
  async listening(port: number): Promise<void> {
    const isOpen = async (): Promise<boolean> => {
      if (this.ended) throw new Error(`${this.#program} ended: ${this.log}`);
      return takesConnections(port);
    };
    const what = (): string => `${this.#program} to listen: ${this.log}`;
    await until(isOpen, { what, timeoutMs: 30_000, intervalMs: 10, abortOnThrow: true });
  }

  /** Its data stay. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#process?.kill(signal);
    await this.#exited;
    this.#process = undefined;
  }
}
