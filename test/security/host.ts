import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is the node's: a file and a process that no container may reach. */
export class Host {
  /** Only the node knows it. */
  readonly secret: string = `secret-${randomUUID()}`;
  /** A directory that pods are not given. */
  readonly directory: string;
  /** A file with the secret in it. */
  readonly mark: string;
  readonly #victim: ChildProcess;

  constructor(directory: string) {
    this.directory = directory;
    this.mark = join(directory, 'mark');
    mkdirSync(directory, { recursive: true });
    writeFileSync(this.mark, this.secret);
    this.#victim = spawn('sleep', ['1000'], { stdio: 'ignore', env: { SECRET: this.secret } });
  }

  /** A process of the node's root, with the secret in its environment. */
  get victim(): number {
    const { pid } = this.#victim;
    if (pid === undefined) throw new Error('the process of the node could not be started');
    return pid;
  }

  isVictimAlive(): boolean {
    return this.#victim.exitCode === null && this.#victim.signalCode === null;
  }

  isMarkIntact(): boolean {
    return readFileSync(this.mark, 'utf8') === this.secret;
  }

  close(): void {
    this.#victim.kill('SIGKILL');
  }
}
