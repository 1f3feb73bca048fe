/** The process of haproxy: a master that outlives this one when it is killed, and is then taken over. */
import { spawn } from 'node:child_process';
import { open, readFile, rm, truncate } from 'node:fs/promises';
import type { Env } from '@timonel/sdk';
import { defaultPath } from '@timonel/sdk/command';
import { readFileIfThere } from '@timonel/sdk/files';

export interface MasterOptions {
  readonly env: Env;
  readonly program: string;
  readonly configFile: string;
  readonly pidFile: string;
  readonly logFile: string;
}

const endMs = 2_000;
const pollMs = 20;
const aliveTries = 50;
const aliveMs = 5;
/** Of what it wrote last, in messages of faults. */
const shownCharacters = 600;

export class Master {
  readonly #options: MasterOptions;
  #pid: number | undefined;

  constructor(options: MasterOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  /** Whether it runs. A process that got its number by chance is none. */
  async alive(): Promise<boolean> {
    if (this.#pid === undefined) return false;
    for (let tries = 0; tries < aliveTries; tries++) {
      const words = await readFile(`/proc/${this.#pid}/cmdline`, 'utf8').catch(() => undefined);
      if (words?.split('\0').includes(this.#options.configFile)) return true;
      // It has no words while it replaces itself, as it does to reload, and when it has ended.
      if (words !== '' || (await isZombie(this.#pid))) break;
      await this.#options.env.timers.sleep(aliveMs);
    }
    this.#pid = undefined;
    return false;
  }

  /** Takes over the master of a process before this one. */
  async adopt(): Promise<boolean> {
    const pid = Number((await readFileIfThere(this.#options.pidFile))?.trim());
    if (!Number.isInteger(pid) || pid <= 1) return false;
    this.#pid = pid;
    return this.alive();
  }

  /** Begins a new one. @throws Error when the program cannot be run */
  async start(): Promise<void> {
    const { program, configFile, pidFile, logFile } = this.#options;
    await rm(logFile, { force: true });
    const log = await open(logFile, 'a', 0o600);
    try {
      const child = spawn(program, ['-W', '-p', pidFile, '-f', configFile], {
        stdio: ['ignore', log.fd, log.fd],
        // What ends this process from a terminal does not end it.
        detached: true,
        env: { PATH: defaultPath(), LC_ALL: 'C' },
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
      this.#pid = child.pid;
    } finally {
      await log.close();
    }
  }

  /** Reads its configuration again. */
  async reload(): Promise<void> {
    await truncate(this.#options.logFile).catch(() => undefined);
    this.#signal('SIGUSR2');
  }

  /** What runs is given a moment to end. */
  async stop(): Promise<void> {
    if (await this.alive()) {
      this.#signal('SIGUSR1');
      await this.#until(async () => (await this.#workers()).length === 0);
      // A master looks for the end of its workers now and then only, and they end with it.
      this.#signal('SIGKILL');
      await this.#until(async () => !(await this.alive()));
    }
    await rm(this.#options.pidFile, { force: true });
  }

  /** The end of what it wrote. */
  async complaint(): Promise<string> {
    const text = (await readFileIfThere(this.#options.logFile)) ?? '';
    const alerts = text.split('\n').filter((line) => line.includes('[ALERT]'));
    return (alerts.length > 0 ? alerts.join('; ') : text.trim()).slice(-shownCharacters);
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.#pid !== undefined) process.kill(this.#pid, signal);
    } catch {
      this.#pid = undefined;
    }
  }

  /** Those that have not ended. */
  async #workers(): Promise<readonly number[]> {
    const text = await readFile(`/proc/${this.#pid}/task/${this.#pid}/children`, 'utf8').catch(() => '');
    const pids = text
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
    const ended = await Promise.all(pids.map(isZombie));
    return pids.filter((_, index) => ended[index] !== true);
  }

  async #until(holds: () => Promise<boolean>): Promise<void> {
    const { env } = this.#options;
    const untilMs = env.clock.monotonic() + endMs;
    while (env.clock.monotonic() < untilMs && !(await holds())) await env.timers.sleep(pollMs);
  }
}

async function isZombie(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return text.slice(text.lastIndexOf(')') + 2).startsWith('Z');
}
