import { spawn, type ChildProcess } from 'node:child_process';
import { until } from '../../support/until.ts';
import { kill, onlyChildOf, startTimeOf, stateOf } from './processes.ts';

export interface SpawnOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Directory in the machine. Default: its home. */
  readonly cwd?: string;
  /** Standard input. Default: none. */
  readonly input?: string | Buffer;
  /** Standard input stays open for {@link MachineProcess.write}. */
  readonly keepInput?: boolean;
}

/** More output than this is dropped from its beginning, characters. */
const outputLimit = 4 * 1024 * 1024;

/** A process on a machine of the bed. */
export class MachineProcess {
  readonly command: string;
  /** The program itself, as the host sees it; undefined when it could not be started or ended at once. */
  readonly pid: number | undefined;
  /** Resolves with the exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #wrapper: ChildProcess;
  readonly #output: { stdout: string; stderr: string; both: string };

  private constructor(
    command: string,
    wrapper: ChildProcess,
    pid: number | undefined,
    output: { stdout: string; stderr: string; both: string },
    ended: Promise<number | NodeJS.Signals>,
  ) {
    this.command = command;
    this.#wrapper = wrapper;
    this.pid = pid;
    this.#output = output;
    this.ended = ended;
  }

  /** `holder`: a process whose namespaces are the machine's. */
  static async start(
    holder: number,
    namespaces: readonly string[],
    command: readonly string[],
    options: SpawnOptions,
  ): Promise<MachineProcess> {
    const place = options.cwd === undefined ? [] : [`--wdns=${options.cwd}`];
    const wrapper = spawn('nsenter', [`--target=${holder}`, ...namespaces, ...place, '--', ...command], {
      stdio: [options.input === undefined && options.keepInput !== true ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    const output = { stdout: '', stderr: '', both: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      wrapper[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-outputLimit);
        output.both = (output.both + text).slice(-outputLimit);
      });
    }
    const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
      wrapper.on('error', reject);
      wrapper.on('close', (code, signal) => resolve(signal ?? code ?? -1));
    });
    ended.catch(() => undefined);
    wrapper.stdin?.on('error', () => undefined);
    if (options.input !== undefined) wrapper.stdin?.write(options.input);
    if (options.keepInput !== true) wrapper.stdin?.end();
    const forks = namespaces.includes('--pid');
    const child = wrapper.pid === undefined || !forks ? wrapper.pid : await onlyChildOf(wrapper.pid);
    return new MachineProcess(command.join(' '), wrapper, child, output, ended);
  }

  /** Standard output and error as they came. */
  get output(): string {
    return this.#output.both;
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  get hasEnded(): boolean {
    return this.#wrapper.exitCode !== null || this.#wrapper.signalCode !== null;
  }

  /** To its standard input. */
  write(text: string): void {
    this.#wrapper.stdin?.write(text);
  }

  /** Resolves when the text is in the output. @throws Error with the output when the process ends before, or does not say it in time */
  async says(text: string | RegExp, timeoutMs = 40_000): Promise<void> {
    const said = (): boolean => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output));
    await until(
      () => {
        if (said()) return true;
        if (this.hasEnded) throw new Error(`"${this.command}" ended without saying "${text}":\n${this.output}`);
        return false;
      },
      { what: () => `"${text}" from "${this.command}":\n${this.output}`, timeoutMs, abortOnThrow: true },
    );
  }

  /** To the program alone, not to what it has started. */
  signal(signal: NodeJS.Signals): void {
    if (this.pid === undefined || this.hasEnded) return;
    kill(this.pid, signal);
    // nsenter stopped with the program, and has to report its end.
    if (signal === 'SIGKILL' && this.#wrapper.pid !== undefined) kill(this.#wrapper.pid, 'SIGCONT');
  }

  /** Sends a signal and waits for the end; SIGKILL after the deadline. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 30_000): Promise<number | NodeJS.Signals> {
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), timeoutMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What it has started goes on. */
  async kill9(): Promise<void> {
    await this.stop('SIGKILL');
  }

  /** Stops the program's threads; what it has started goes on. */
  async pause(): Promise<void> {
    this.signal('SIGSTOP');
    await this.paused();
  }

  async resume(): Promise<void> {
    this.signal('SIGCONT');
    await this.resumed();
  }

  /** @internal nsenter follows a stopped program and stops itself. */
  async paused(): Promise<void> {
    const { pid = 0 } = this.#wrapper;
    const isStopped = (each: number): boolean => ['T', '', 'Z'].includes(stateOf(each));
    await until(() => this.hasEnded || (isStopped(pid) && isStopped(this.pid ?? pid)), {
      what: `"${this.command}" to be stopped`,
    });
  }

  /** @internal The program was killed, by whatever way. nsenter may be stopped and would not notice. */
  async killedWithMachine(): Promise<void> {
    if (!this.hasEnded && this.#wrapper.pid !== undefined) kill(this.#wrapper.pid, 'SIGKILL');
    await this.ended;
  }

  /** @internal */
  async resumed(): Promise<void> {
    const { pid = 0 } = this.#wrapper;
    await until(
      () => {
        if (this.hasEnded || startTimeOf(pid) === undefined) return true;
        kill(pid, 'SIGCONT');
        return stateOf(pid) !== 'T' && stateOf(this.pid ?? pid) !== 'T';
      },
      { what: `"${this.command}" to go on` },
    );
  }
}
