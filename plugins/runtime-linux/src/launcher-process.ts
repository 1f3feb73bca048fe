import { spawn, type ChildProcess } from 'node:child_process';
import type { Env, TimerHandle } from '@timonel/sdk';
import { MonitorFailure, parseFailure } from './monitor-binary.ts';

/** From the order to end a job to its end; a launcher that takes longer is stuck itself. */
const cancelPatienceMs = 2000;
const errorBytes = 4096;

/**
 * `remove`: a directory of a sandbox with all that is in it; `recycle`: all that is in the `trash` of a directory, of which some becomes
 * `spare` where there is such a folder; `mount` and `unmount`: a file system in memory.
 */
export type Role = 'container' | 'sandbox' | 'release' | 'remove' | 'recycle' | 'mount' | 'unmount';

interface Job {
  /** Undefined: done. */
  settle(failure?: MonitorFailure): void;
}

/** One process, with what it is doing. */
export class LauncherProcess {
  readonly #program: string;
  readonly #env: Env;
  readonly #child: ChildProcess;
  readonly #jobs = new Map<number, Job>();
  #count = 0;
  #isOver = false;
  #answers = '';
  #errors = '';

  constructor(program: string, env: Env) {
    this.#program = program;
    this.#env = env;
    this.#child = this.#start();
  }

  /** It takes no further request. */
  get isOver(): boolean {
    return this.#isOver;
  }

  run(role: Role, directory: string, deadlineMs: number | undefined): Promise<void> {
    const number = ++this.#count;
    return new Promise((resolve, reject) => {
      let timer: TimerHandle | undefined;
      const settle = (failure?: MonitorFailure): void => {
        this.#jobs.delete(number);
        timer?.cancel();
        if (failure === undefined) resolve();
        else reject(failure);
      };
      this.#jobs.set(number, { settle });
      if (deadlineMs !== undefined)
        timer = this.#env.timers.after(deadlineMs, () => this.#cancel(number, role, deadlineMs));
      this.#child.stdin?.write(`${number} ${role} ${directory}\0`);
    });
  }

  /** It ends with what it is doing. */
  retire(): void {
    this.#isOver = true;
    this.#child.stdin?.end();
  }

  /** The job is killed; and the launcher with all its jobs, when that does not help. */
  #cancel(number: number, role: Role, deadlineMs: number): void {
    const job = this.#jobs.get(number);
    if (job === undefined) return;
    const what = `timonel-monitor ${role} was not done within ${deadlineMs / 1000} s and was ended: does a mount or a disk not answer?`;
    const patience = this.#env.timers.after(cancelPatienceMs, () => {
      this.#isOver = true;
      this.#child.kill('SIGKILL');
      job.settle(new MonitorFailure(what, 128));
    });
    const settle = (): void => {
      patience.cancel();
      job.settle(new MonitorFailure(what, 128));
    };
    this.#jobs.set(number, { settle });
    this.#child.stdin?.write(`0 cancel ${number}\0`);
  }

  #start(): ChildProcess {
    const child = spawn(this.#program, ['serve'], { stdio: ['pipe', 'pipe', 'pipe'], env: {}, cwd: '/' });
    child.stdin.on('error', () => undefined); // its end is told by `close`
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const whole = (this.#answers + chunk).split('\0');
      this.#answers = whole.pop() ?? '';
      for (const answer of whole) this.#settle(answer);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (this.#errors.length < errorBytes) this.#errors += chunk;
    });
    child.on('error', (error) => {
      this.#end(new MonitorFailure(`${this.#program}: ${error.message}`, 128));
    });
    child.on('exit', () => {
      this.#isOver = true; // its jobs may hold its output open for a while
    });
    child.on('close', (code, signal) => {
      this.#end(parseFailure(this.#errors, code, signal));
    });
    return child;
  }

  /** `R`: done; `F`: no process could be made for it, so that another launcher is to try with what comes; else what failed. */
  #settle(answer: string): void {
    const [, number = '', text = ''] = /^(\d+) (.*)$/s.exec(answer) ?? [];
    const isSpent = text.startsWith('F');
    if (isSpent) this.retire();
    const failure = text === 'R' ? undefined : parseFailure(isSpent ? text.slice(1) : text, null, 'no answer');
    this.#jobs.get(Number(number))?.settle(failure);
  }

  #end(failure: MonitorFailure): void {
    this.#isOver = true;
    for (const job of this.#jobs.values()) job.settle(failure);
  }
}
