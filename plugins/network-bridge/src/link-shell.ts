import { spawn, type ChildProcess } from 'node:child_process';
import { errorMessage, type Timers } from '@timonel/sdk';
import { defaultPath, type CommandResult } from '@timonel/sdk/command';
import { NetworkError } from '@timonel/sdk/contracts/network';

/** A script that takes longer hangs, and is ended with all that it began. */
const longestMs = 30_000;
/** Without work for so long, the shell ends. */
const idleMs = 10_000;
const outputLimit = 64 * 1024;

/**
 * A shell that stays between scripts: to start a program from a process with much memory takes several times as long as the
 * programs that make a pod's link. Scripts run one after the other.
 */
export class LinkShell {
  readonly #timers: Timers;
  #child: ChildProcess | undefined;
  #scripts = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #idle: { cancel(): void } | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Runs a script with no input. All that it prints is in `stderr`. @throws NetworkError COMMAND_FAILED when there is no shell */
  run(script: string): Promise<CommandResult> {
    const turn = this.#queue.then(() => this.#run(script));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** After the scripts that were given to it. */
  async close(): Promise<void> {
    await this.#queue;
    this.#end();
  }

  #run(script: string): Promise<CommandResult> {
    this.#idle?.cancel();
    const child = this.#child ?? this.#start();
    const mark = `end of script ${++this.#scripts} `;
    return new Promise<CommandResult>((resolve, reject) => {
      let printed = '';
      const settle = (finish: () => void): void => {
        limit.cancel();
        child.stdout?.removeAllListeners('data');
        child.removeListener('close', gone);
        this.#idle = this.#timers.after(idleMs, () => this.#end());
        finish();
      };
      const fail = (why: string): void => {
        this.#end();
        settle(() => reject(new NetworkError('COMMAND_FAILED', why)));
      };
      const gone = (): void =>
        fail(`the shell that makes links of pods has ended: ${printed.slice(-1000).trim() || 'no message'}`);
      const limit = this.#timers.after(longestMs, () =>
        fail(`making links of pods took more than ${longestMs / 1000} s`),
      );
      child.on('close', gone);
      child.stdout?.on('data', (text: string) => {
        printed = (printed + text).slice(-outputLimit);
        const end = printed.indexOf(mark);
        if (end < 0 || !printed.endsWith('\n')) return;
        const status = Number(printed.slice(end + mark.length));
        settle(() => resolve({ status, stdout: '', stderr: printed.slice(0, end) }));
      });
      child.stdin?.write(`{\n${script}\n} 2>&1 </dev/null\necho "${mark}$?"\n`);
    });
  }

  #start(): ChildProcess {
    const env = { ...process.env, LC_ALL: 'C', PATH: process.env['PATH'] ?? defaultPath() };
    // A group of its own: what hangs below it ends with it.
    const child = spawn('sh', [], { stdio: ['pipe', 'pipe', 'ignore'], detached: true, env });
    child.stdout.setEncoding('utf8');
    // When it ends in the middle of a script, 'close' says so.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => child.stdout.emit('data', errorMessage(error)));
    child.on('close', () => {
      if (this.#child === child) this.#child = undefined;
    });
    this.#child = child;
    return child;
  }

  #end(): void {
    const child = this.#child;
    this.#child = undefined;
    this.#idle?.cancel();
    if (child?.pid === undefined) return;
    child.stdin?.end();
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
