import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Commands } from './resident.ts';

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A process in a network namespace: a new one, or that of another resident. The namespace ends with its processes. */
export class Resident {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(beside?: Resident): Promise<Resident> {
    const program = fileURLToPath(new URL('./resident.ts', import.meta.url));
    const node = [process.execPath, '--conditions', 'timonel-source', '--import', 'tsx', program];
    const namespace = beside === undefined ? ['unshare', '--net'] : ['nsenter', `--net=/proc/${beside.pid}/ns/net`];
    const [command = '', ...args] = [...namespace, ...node];
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
    const resident = new Resident(child);
    await resident.#ready();
    return resident;
  }

  // The namespace tools replace themselves by the program, so this is the program's own.
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.on('exit', (code) => {
        const error = new Error(`the resident ended with ${code}`);
        reject(error);
        for (const pending of this.#pending.values()) pending.reject(error);
        this.#pending.clear();
      });
      this.#child.on('message', (message) => {
        const { id, result, error } = message as Reply;
        if (id === 0) return resolve();
        const pending = this.#pending.get(id);
        this.#pending.delete(id);
        if (error === undefined) pending?.resolve(result);
        else pending?.reject(new Error(error));
      });
    });
  }

  call<C extends keyof Commands>(command: C, ...args: Parameters<Commands[C]>): ReturnType<Commands[C]> {
    const id = this.#nextId++;
    const answer = new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#child.send({ id, command, args });
    });
    return answer as ReturnType<Commands[C]>;
  }

  /** Runs a program in the namespace, which must succeed. */
  async run(program: string, args: readonly string[], input = ''): Promise<string> {
    const { status, stdout, stderr } = await this.call('run', { program, args, input });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => {
      this.#child.once('exit', resolve);
    });
    this.#child.disconnect();
    await exited;
  }
}
