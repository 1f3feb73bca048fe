/** The way out of the node's network: slirp4netns, where it is installed. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultPath } from '@timonel/sdk/command';
import { isAlive, killProcess, type ProcessIdentity } from '@timonel/sdk/linux';
import { outwardProblem } from './requirements.ts';
import { identityOf } from './identity.ts';

const readyMs = 5000;
/** Where slirp4netns answers questions for names. */
const nameserver = '10.0.2.3';

export class Outward {
  readonly #record: string;
  readonly #resolvConf: string;
  readonly #isThere = outwardProblem() === undefined;
  /** Undefined: it does not run, or not yet. */
  #process: ProcessIdentity | undefined;

  constructor(directory: string) {
    this.#record = join(directory, 'slirp.json');
    this.#resolvConf = join(directory, 'resolv.conf');
    const text = readOr(this.#record);
    const found = text === '' ? undefined : (JSON.parse(text) as ProcessIdentity);
    if (found !== undefined && isAlive(found)) this.#process = found;
  }

  /** Undefined: that of the machine. */
  resolvConf(): string | undefined {
    if (!this.#isThere) return undefined;
    const search = readOr('/etc/resolv.conf')
      .split('\n')
      .filter((line) => /^\s*(search|options)\b/.test(line));
    writeFileSync(this.#resolvConf, [`nameserver ${nameserver}`, ...search, ''].join('\n'));
    return this.#resolvConf;
  }

  /** Since an earlier run. */
  isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Nothing where it is absent. It lives as long as the namespaces. */
  async open({ pid }: ProcessIdentity, notice: (line: string) => void): Promise<void> {
    if (!this.#isThere) return;
    const fixed = ['--configure', '--mtu=65520', '--disable-host-loopback', '--ready-fd=3'];
    const places = [`--userns-path=/proc/${pid}/ns/user`, '--netns-type=path', `/proc/${pid}/ns/net`, 'tap0'];
    const child = spawn('slirp4netns', [...fixed, ...places], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
      env: { PATH: defaultPath() },
    });
    const ready = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), readyMs);
      const settle = (isReady: boolean): void => {
        clearTimeout(timer);
        resolve(isReady);
      };
      child.stdio[3]?.once('data', () => settle(true));
      child.once('error', () => settle(false)).once('exit', () => settle(false));
    });
    for (const stream of child.stdio) stream?.destroy();
    child.unref();
    if (!ready) {
      child.kill('SIGKILL');
      notice('slirp4netns does not start: pods reach nothing outside.');
      return;
    }
    this.#process = identityOf(child.pid ?? 0);
    writeFileSync(this.#record, JSON.stringify(this.#process));
  }

  close(): void {
    if (this.#process !== undefined) killProcess(this.#process);
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
