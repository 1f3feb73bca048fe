/** The process of a node under test, and the next one after its end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { until } from '../support/until.ts';
import type { Asked, NodeSettings, Told, Watch } from './protocol.ts';

const startLimitMs = 30_000;

export class FaultNode {
  readonly #program: string;
  readonly #settings: NodeSettings;
  #child: ChildProcess | undefined;
  #told: Told[] = [];
  #errors = '';

  /** `program`: the file of the bundle. */
  constructor(program: string, settings: NodeSettings) {
    this.#program = program;
    this.#settings = settings;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts, again after its end. Resolves when it works. */
  async start(): Promise<void> {
    this.#told = [];
    this.#errors = '';
    const child = spawn(process.execPath, [this.#program, JSON.stringify(this.#settings)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr?.on('data', (chunk: Buffer) => (this.#errors = `${this.#errors}${chunk.toString()}`.slice(-4000)));
    child.on('message', (told: Told) => this.#told.push(told));
    this.#child = child;
    await this.#hear('ready', startLimitMs);
  }

  get hasEnded(): boolean {
    const { exitCode = 0, signalCode } = this.#child ?? {};
    return exitCode !== null || signalCode !== null;
  }

  /** How many processes of its runtime were ended. Undefined: it did not come to that yet. */
  get ended(): number | undefined {
    return this.#told.find((told) => told.type === 'cut')?.ended;
  }

  /** @throws Error when it ended by itself */
  get wasKilled(): boolean {
    if (this.hasEnded && this.#child?.signalCode !== 'SIGKILL') throw new Error(`the node ended: ${this.#errors}`);
    return this.hasEnded;
  }

  async watch(watch: Watch): Promise<void> {
    this.#ask({ type: 'watch', watch });
    await this.#hear('watching');
  }

  /** Since the last watch began. */
  async steps(): Promise<readonly string[]> {
    this.#ask({ type: 'steps' });
    return (await this.#hear('steps')).steps;
  }

  async stop(): Promise<void> {
    this.#ask({ type: 'stop' });
    await until(() => this.hasEnded, { what: 'the node to end' }).catch(() => this.#child?.kill('SIGKILL'));
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await until(() => this.hasEnded, { what: 'the node to end' });
  }

  #ask(asked: Asked): void {
    this.#told = [];
    this.#child?.send(asked);
  }

  #hear<T extends Told['type']>(type: T, timeoutMs = 10_000): Promise<Extract<Told, { type: T }>> {
    const heard = (): Extract<Told, { type: T }> | undefined => {
      const failed = this.#told.find((told) => told.type === 'failed');
      if (failed !== undefined || this.hasEnded) throw new Error(`the node does not run: ${this.#errors}`);
      return this.#told.find((told): told is Extract<Told, { type: T }> => told.type === type);
    };
    return until(heard, { what: `the node to say "${type}"`, timeoutMs, abortOnThrow: true });
  }
}
