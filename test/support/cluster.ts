/** A real cluster for e2e tests: the built command in a process of its own, with its own data directory, port and addresses. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@timonel/testkit/free-port';
import { kubernetesTools } from './kubectl.ts';
import { until } from './until.ts';

const root = join(import.meta.dirname, '..', '..');
/** The built command. */
export const command: string = join(root, 'cli', 'dist', 'bin.js');

export interface RunResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What it printed. @throws Error when it failed */
export function outputOf({ status, stdout, stderr }: RunResult, command: string): string {
  if (status !== 0) throw new Error(`${command} failed with exit code ${status}: ${stdout}${stderr}`);
  return stdout;
}

/** Runs a program to its end; ends it by SIGKILL after the time limit. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; timeoutMs?: number } = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env }, stdio: 'pipe' });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (out.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (out.stderr += chunk.toString()));
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? -1, ...out });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** The `timonel` command. */
export function timonel(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<RunResult> {
  return runProgram(process.execPath, [command, ...args], options);
}

export interface ClusterOptions {
  readonly args?: readonly string[];
  readonly dataDir?: string;
  readonly port?: number;
  /** Wait for this text on standard output. Default: the API server's address line. */
  readonly readyText?: string;
  readonly timeoutMs?: number;
  /** Turns the words of the command into those that run it as somebody else. */
  readonly wrap?: Wrap;
}

export type Wrap = (words: readonly string[]) => readonly string[];

let sequence = 0;

export class TestCluster {
  readonly dataDir: string;
  readonly port: number;
  readonly #args: readonly string[];
  readonly #wrap: Wrap;
  #child: ChildProcess | undefined;
  output = '';

  private constructor(dataDir: string, port: number, args: readonly string[], wrap: Wrap = (words) => words) {
    this.dataDir = dataDir;
    this.port = port;
    this.#args = args;
    this.#wrap = wrap;
  }

  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    sequence += 1;
    const octet = 16 + ((process.pid + sequence * 7) % 200);
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'timonel-e2e-'));
    const args = [
      '--pod-cidr',
      `10.210.${octet}.0/24`,
      '--service-cidr',
      `10.211.${octet}.0/24`,
      '--node-name',
      'node-1',
      ...(options.args ?? []),
    ];
    const cluster = new TestCluster(dataDir, options.port ?? (await freePort()), args, options.wrap);
    try {
      await cluster.up(options.readyText, options.timeoutMs);
    } catch (error) {
      await cluster.signal('SIGINT');
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
      throw error;
    }
    return cluster;
  }

  get kubeconfig(): string {
    return join(this.dataDir, 'kubeconfig');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts the process (again) on the same data directory. */
  async up(readyText = 'API server:', timeoutMs = 40_000): Promise<void> {
    this.output = '';
    const args = ['up', '--data-dir', this.dataDir, '--listen', `127.0.0.1:${this.port}`, ...this.#args];
    const [program = '', ...words] = this.#wrap([process.execPath, command, ...args]);
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    await until(
      () => {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`timonel up ended with ${child.exitCode ?? child.signalCode}:\n${this.output}`);
        }
        return this.output.includes(readyText);
      },
      { timeoutMs, what: () => `"${readyText}" in the output of timonel up:\n${this.output}`, abortOnThrow: true },
    );
  }

  /** Sends a signal and waits for the end. Resolves with the exit code, or the name of the signal that ended it. */
  async signal(signal: NodeJS.Signals, timeoutMs = 30_000): Promise<number | NodeJS.Signals | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return child?.exitCode ?? child?.signalCode ?? null;
    }
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    await ended;
    clearTimeout(timer);
    return child.exitCode ?? child.signalCode;
  }

  /** Stops cleanly (the process is started again first when it was killed, so that it removes what it left) and removes the data. */
  async dispose(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.signalCode === 'SIGKILL') await this.up();
    await this.signal('SIGINT');
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** Real kubectl against this cluster. */
  async kubectl(
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; input?: string } = {},
  ): Promise<RunResult> {
    const { kubectl } = await kubernetesTools();
    return runProgram(kubectl, ['--kubeconfig', this.kubeconfig, ...args], options);
  }

  /** What real kubectl prints. @throws Error when it fails */
  async mustKubectl(args: readonly string[], input = ''): Promise<string> {
    return outputOf(await this.kubectl(args, { input }), `kubectl ${args.join(' ')}`);
  }

  /** The `timonel` command against this cluster. */
  timonel(...args: string[]): Promise<RunResult> {
    return timonel([...args, '--data-dir', this.dataDir]);
  }
}
