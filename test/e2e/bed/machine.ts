import { mkdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { RunResult } from '../../support/cluster.ts';
import { until } from '../../support/until.ts';
import type { Lan } from './lan.ts';
import { MachineProcess, type SpawnOptions } from './machine-process.ts';
import { holdNamespaces, type NamespaceHolder } from './namespace-holder.ts';
import { namespaceOf, pidsInNamespace } from './processes.ts';

export interface ExecOptions extends SpawnOptions {
  /** Default 60,000. SIGKILL afterwards. */
  readonly timeoutMs?: number;
}

export interface MachineOptions {
  readonly name: string;
  readonly address: string;
  /** Its directory on the host. */
  readonly home: string;
  readonly lan: Lan;
  /** Name in the list of processes. */
  readonly label: string;
}

const namespaces = ['--mount', '--net', '--uts', '--ipc', '--pid'];

/**
 * A machine of the bed: namespaces of its own for the network, processes, mounts and the host name, a /run of its own, and one link
 * `eth0`. The files, the control groups and the kernel are the host's. Processes show up on the host with other pids than they
 * have inside; {@link MachineProcess.pid} is the host's.
 */
export class Machine {
  readonly name: string;
  /** Of `eth0`. */
  readonly address: string;
  readonly home: string;
  /** For `--data-dir`. Not made. */
  readonly dataDir: string;
  readonly #options: MachineOptions;
  #holder: NamespaceHolder | undefined;
  #processes: MachineProcess[] = [];

  constructor(options: MachineOptions) {
    this.#options = options;
    this.name = options.name;
    this.address = options.address;
    this.home = options.home;
    this.dataDir = join(options.home, 'data');
  }

  /** The first process of the machine, as the host sees it: for nsenter(1). */
  get holderPid(): number {
    if (this.#holder === undefined) throw new Error(`machine ${this.name} is off`);
    return this.#holder.pid;
  }

  get isOn(): boolean {
    return this.#holder !== undefined;
  }

  /** Processes that the test started here and that have not ended. */
  get processes(): readonly MachineProcess[] {
    this.#processes = this.#processes.filter((each) => !each.hasEnded);
    return this.#processes;
  }

  /** Gives it power: namespaces, the link, no process. */
  async powerOn(): Promise<void> {
    if (this.#holder !== undefined) return;
    mkdirSync(this.home, { recursive: true });
    const script = [
      `hostname ${this.name}`,
      'mount -t tmpfs -o mode=755 tmpfs /run',
      'mkdir -p /run/netns /run/lock',
      'ip link set lo up',
    ].join('\n');
    this.#holder = await holdNamespaces({
      namespaces: [...namespaces, '--mount-proc'],
      script,
      name: this.#options.label,
    });
    await this.#options.lan.plug(this.name, this.address, this.#holder.pid);
  }

  /** Takes the power: every process ends without notice, mounts and the network are gone. Files stay. */
  async powerOff(): Promise<void> {
    const holder = this.#holder;
    this.#holder = undefined;
    if (holder === undefined) return;
    await this.#options.lan.unplug(this.name);
    // Side by side: the first process does not end before the others are taken away by those who started them.
    await Promise.all([holder.stop(), this.#allEnded()]);
  }

  async spawn(command: string, args: readonly string[] = [], options: SpawnOptions = {}): Promise<MachineProcess> {
    const env = { HOME: this.home, ...options.env };
    const started = await MachineProcess.start(this.holderPid, namespaces, [command, ...args], {
      cwd: this.home,
      ...options,
      env,
    });
    this.#processes = [...this.processes, started];
    return started;
  }

  /** Runs a program to its end. */
  async exec(command: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<RunResult> {
    const running = await this.spawn(command, args, options);
    const timer = setTimeout(() => running.signal('SIGKILL'), options.timeoutMs ?? 60_000);
    const end = await running.ended.finally(() => clearTimeout(timer));
    return { status: typeof end === 'number' ? end : -1, stdout: running.stdout, stderr: running.stderr };
  }

  /** Runs a program that must succeed; answers what it printed. */
  async mustExec(command: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.exec(command, args, options);
    if (status === 0) return stdout;
    throw new Error(`${this.name}: "${[command, ...args].join(' ')}" ended with ${status}: ${stderr}${stdout}`);
  }

  /** Stops every process of the machine, containers too, as when a virtual machine is frozen. Packets still arrive. */
  async pause(): Promise<void> {
    await this.#signalAll('STOP');
    await Promise.all(this.processes.map((each) => each.paused()));
  }

  async resume(): Promise<void> {
    await this.#signalAll('CONT');
    await Promise.all(this.processes.map((each) => each.resumed()));
  }

  /** Ends every process of the machine, containers too, by SIGKILL. The network, mounts and files stay. */
  async kill9(): Promise<void> {
    const inside = namespaceOf(this.holderPid, 'pid');
    await this.#signalAll('KILL');
    await this.#allEnded();
    await until(() => pidsInNamespace('pid', inside).length <= 1, { what: `the processes of ${this.name} to end` });
  }

  /** A file system of bounded size, seen by the machine alone. Relative paths begin at its home. Gone with the power. */
  async tmpfs(path: string, sizeBytes: number): Promise<void> {
    const at = isAbsolute(path) ? path : join(this.home, path);
    mkdirSync(at, { recursive: true });
    await this.mustExec('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', at]);
  }

  async #allEnded(): Promise<void> {
    await Promise.all(this.#processes.splice(0).map((each) => each.killedWithMachine()));
  }

  // To all of the pid namespace but its first process and the sender, at one moment.
  async #signalAll(signal: 'STOP' | 'CONT' | 'KILL'): Promise<void> {
    const sender = await MachineProcess.start(
      this.holderPid,
      ['--mount', '--pid'],
      ['bash', '-c', `kill -${signal} -1 2>/dev/null || :`],
      {},
    );
    await sender.ended;
  }
}
