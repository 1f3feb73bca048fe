/** A program of the tests in place of one of somebody else's: what it is told it finds in files of its directory, what it was asked it notes there. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export class StandIn<Call> {
  readonly #what: string;
  readonly #program: string;
  readonly #callsFile: string;
  #child: ChildProcess | undefined;

  /** `what`: its name in errors; `directory`: its own. */
  constructor(what: string, program: string, directory: string) {
    this.#what = what;
    this.#program = program;
    this.#callsFile = join(directory, 'calls.jsonl');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves at the first line that it prints. */
  async start(settings: object): Promise<void> {
    const child = spawn(process.execPath, [this.#program, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error(`the ${this.#what} did not start: ${output}`)));
      child.once('error', reject);
    });
  }

  /** Its sockets stay, as those of a program that was killed. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  calls(): readonly Call[] {
    if (!existsSync(this.#callsFile)) return [];
    const lines = readFileSync(this.#callsFile, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Call);
  }
}
