import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';

/** A program that goes on until it is ended, with an open standard input. */
export class RunningProgram {
  readonly child: ChildProcessWithoutNullStreams;
  /** Standard output and standard error, as they come. */
  output = '';
  /** The exit code, when all output is there; null: a signal ended it. */
  readonly ended: Promise<number | null>;

  constructor(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
    this.child.stdin.on('error', () => undefined);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }
}
