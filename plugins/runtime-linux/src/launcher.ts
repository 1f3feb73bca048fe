import { spawn, type ChildProcess } from 'node:child_process';
import { MonitorFailure, monitorBinary, parseFailure } from './monitor-binary.ts';

/** PATH_MAX of Linux. */
const longestPath = 4096;

/** `remove`: a directory of a container or sandbox with all that is in it. */
export type Role = 'container' | 'sandbox' | 'release' | 'remove';

interface Job {
  resolve(): void;
  reject(error: MonitorFailure): void;
}

/**
 * `timonel-monitor serve`: forks what makes and releases containers and sandboxes. Started with the first request, and again with the next one
 * after it was killed; containers do not depend on it.
 */
export class Launcher {
  readonly #monitor: string;
  readonly #jobs = new Map<number, Job>();
  #child: ChildProcess | undefined;
  #count = 0;
  #isClosed = false;

  constructor(monitor: string = monitorBinary) {
    this.#monitor = monitor;
  }

  /** Runs a role in a directory to its end. @throws MonitorFailure with the text that the native side printed */
  run(role: Role, directory: string): Promise<void> {
    if (this.#isClosed) return Promise.reject(new MonitorFailure('the runtime is closed', 128));
    if (Buffer.byteLength(directory) > longestPath)
      return Promise.reject(new MonitorFailure(`a path is longer than ${longestPath} bytes`, 128));
    const number = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#jobs.set(number, { resolve, reject });
      this.#child ??= this.#start();
      this.#child.stdin?.write(`${number} ${role} ${directory}\0`);
    });
  }

  /** It ends with what it is doing. */
  close(): void {
    this.#isClosed = true;
    this.#child?.stdin?.end();
  }

  #start(): ChildProcess {
    const child = spawn(this.#monitor, ['serve'], { stdio: ['pipe', 'pipe', 'pipe'], env: {}, cwd: '/' });
    let answers = '';
    let errors = '';
    child.stdin.on('error', () => undefined); // its end is told by `close`
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const whole = (answers + chunk).split('\0');
      answers = whole.pop() ?? '';
      for (const answer of whole) this.#settle(answer);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (errors.length < 4096) errors += chunk;
    });
    child.on('error', (error) => {
      this.#end(child, new MonitorFailure(`${this.#monitor}: ${error.message}`, 128));
    });
    child.on('close', (code, signal) => {
      this.#end(child, parseFailure(errors, code, signal));
    });
    return child;
  }

  #settle(answer: string): void {
    const [, number = '', text = ''] = /^(\d+) (.*)$/s.exec(answer) ?? [];
    const job = this.#jobs.get(Number(number));
    this.#jobs.delete(Number(number));
    if (text === 'R') job?.resolve();
    else job?.reject(parseFailure(text, null, 'no answer'));
  }

  #end(child: ChildProcess, failure: MonitorFailure): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const job of jobs) job.reject(failure);
  }
}
