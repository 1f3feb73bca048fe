import { spawn, type ChildProcess } from 'node:child_process';
import { command } from './cluster.ts';
import { until } from './until.ts';

/** A `timonel` command that goes on until it is told to stop. */
export class Background {
  readonly #child: ChildProcess;
  readonly #args: readonly string[];
  output = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#args = args;
    this.#child = spawn(process.execPath, [command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async says(text: string, timeoutMs = 60_000): Promise<void> {
    await until(
      () => {
        if (!this.running && !this.output.includes(text)) {
          throw new Error(`timonel ${this.#args.join(' ')} ended:\n${this.output}`);
        }
        return this.output.includes(text);
      },
      { what: () => `"${text}" in the output:\n${this.output}`, timeoutMs, abortOnThrow: true },
    );
  }

  /** Resolves with the exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 30_000): Promise<number | NodeJS.Signals | null> {
    if (this.running) {
      const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
      this.#child.kill(signal);
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
      await ended;
      clearTimeout(timer);
    }
    return this.#child.exitCode ?? this.#child.signalCode;
  }
}
