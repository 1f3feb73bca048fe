/** A containerd of its own, from Debian's package `containerd`: with its own root, state and socket. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@timonel/testkit';
import { endOf } from './leftovers.ts';

/** Why tests with containerd cannot run here; undefined when they can. */
export const containerdMissing: string | undefined = missing();

function missing(): string | undefined {
  const packages = { containerd: 'containerd', ctr: 'containerd', runc: 'runc', nsenter: 'util-linux', ip: 'iproute2' };
  for (const [program, name] of Object.entries(packages)) {
    const found = spawnSync('sh', ['-c', `command -v ${program}`], {
      env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    });
    if (found.status !== 0)
      return `the command ${program} is missing: apt-get install -y --no-install-recommends ${name}`;
  }
  return process.getuid?.() === 0 ? undefined : 'containerd needs root';
}

export interface ContainerdOptions {
  /** Where it finds its CNI plugins and their configuration. */
  readonly cni: { readonly bin: string; readonly conf: string };
  /** Text that is put into its configuration as it is. */
  readonly config?: string;
}

function configuration(directory: string, { cni, config }: ContainerdOptions): string {
  const unused = ['aufs', 'btrfs', 'zfs', 'devmapper', 'native'].map(
    (name) => `"io.containerd.snapshotter.v1.${name}"`,
  );
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `
version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = [${unused.join(', ')}, "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "${directory}/containerd.sock"
[${cri}]
  sandbox_image = "timonel.local/pause:1"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  # Without CAP_SYS_RESOURCE nobody lowers the score of his own processes.
  restrict_oom_score_adj = true
[${cri}.cni]
  bin_dir = "${cni.bin}"
  conf_dir = "${cni.conf}"
${config ?? ''}`;
}

export class Containerd {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'timonel-ctd-'));
  readonly socket: string = join(this.directory, 'containerd.sock');
  readonly #options: ContainerdOptions;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #log = '';

  constructor(options: ContainerdOptions) {
    this.#options = options;
    mkdirSync(join(this.directory, 'state'));
  }

  get log(): string {
    return this.#log;
  }

  async start(options: ContainerdOptions = this.#options): Promise<void> {
    const file = join(this.directory, 'config.toml');
    writeFileSync(file, configuration(this.directory, options));
    const path = `${process.env['PATH']}:/usr/sbin:/sbin`;
    const child = spawn('containerd', ['--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: path },
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#log = (this.#log + text).slice(-200_000)));
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()));
    this.#process = child;
    await until(() => this.#answers(), { what: `containerd to answer: ${this.#log}`, timeoutMs: 20_000 });
  }

  /** As a crash. What it runs goes on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#process?.kill(signal);
    await this.#exited;
    this.#process = undefined;
  }

  /** It stands, and answers nobody, until `resume`. */
  async pause(): Promise<void> {
    const tasks = `/proc/${this.#process?.pid}/task`;
    this.#process?.kill('SIGSTOP');
    const stopped = (task: string): boolean => /^State:\s*T/m.test(readFileSync(`${tasks}/${task}/status`, 'utf8'));
    await until(() => readdirSync(tasks).every(stopped), { what: 'containerd to stand' });
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  ctr(...args: string[]): string {
    const result = spawnSync('ctr', ['--address', this.socket, '--namespace', 'k8s.io', ...args], { encoding: 'utf8' });
    if (result.status !== 0) throw new Error(`ctr ${args.join(' ')}: ${result.stderr}`);
    return result.stdout;
  }

  /** Ends what a crash of it in the middle of a sandbox left, and what it does not know any more. For when nothing of it runs. */
  async endStrays(): Promise<void> {
    await endOf(this.directory, this.socket);
  }

  /** Ends it and all it runs, and removes all it made. */
  async close(): Promise<void> {
    await this.kill('SIGTERM');
    await endOf(this.directory, this.socket);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #answers(): boolean {
    if (this.#process?.exitCode !== null) throw new Error(`containerd ended: ${this.#log}`);
    const result = spawnSync('ctr', ['--address', this.socket, '--connect-timeout', '1s', 'plugins', 'ls', '-q']);
    return result.status === 0;
  }
}

export { leftovers } from './leftovers.ts';
