/** A cluster of the built command for benchmarks: a process whose output is timed line by line. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterClient } from '../support/cluster-client.ts';
import { freePort } from '@timonel/testkit/free-port';
import { withCleanup } from './cleanup.ts';

export const builtCommand = join(import.meta.dirname, '..', '..', 'cli', 'dist', 'bin.js');
const readyLimitMs = 60_000;
const stopLimitMs = 60_000;

export const newDataDir = (): string => mkdtempSync(join(tmpdir(), 'timonel-bench-'));
export const removeDataDir = (dataDir: string): void => rmSync(dataDir, { recursive: true, force: true });

export interface BenchCluster {
  readonly pid: number;
  readonly dataDir: string;
  /** From the start of the process to the line that says that the node is Ready. */
  readonly readyMs: number;
  readonly client: ClusterClient;
  /** Resolves with the time from SIGINT to the end of the process. */
  stop(): Promise<number>;
}

function ended(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stopProcess(child: ChildProcess, output: () => string): Promise<number> {
  if (ended(child)) return 0;
  const began = performance.now();
  const end = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
  await end;
  clearTimeout(timer);
  if (child.exitCode !== 0) {
    throw new Error(`the cluster did not stop cleanly (${child.exitCode ?? child.signalCode}):\n${output()}`);
  }
  return performance.now() - began;
}

/** Runs `work` on a new process of `timonel up`, and stops it. */
export async function withCluster<T>(dataDir: string, work: (cluster: BenchCluster) => Promise<T>): Promise<T> {
  const port = await freePort();
  const octet = 16 + (process.pid % 200);
  const network = ['--pod-cidr', `10.212.${octet}.0/24`, '--service-cidr', `10.213.${octet}.0/24`];
  const args = ['up', '--data-dir', dataDir, '--listen', `127.0.0.1:${port}`, '--node-name', 'bench', ...network];
  let output = '';
  const began = performance.now();
  // A group of its own: Ctrl-C must reach it from here only, since a second one would end it at once.
  const child = spawn(process.execPath, [builtCommand, ...args], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let client: ClusterClient | undefined;
  const stop = async (): Promise<number> => {
    client?.close();
    return stopProcess(child, () => output);
  };
  return withCleanup(
    async () => void (await stop()),
    async () => {
      const readyMs = await new Promise<number>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not Ready in time:\n${output}`)), readyLimitMs);
        const onOutput = (chunk: Buffer): void => {
          output += chunk.toString();
          if (output.includes(' is Ready after ')) {
            resolve(performance.now() - began);
            clearTimeout(timer);
          }
        };
        child.stdout.on('data', onOutput);
        child.stderr.on('data', onOutput);
        child.once('exit', () => {
          clearTimeout(timer);
          reject(new Error(`timonel up ended before the node was Ready:\n${output}`));
        });
      });
      client = new ClusterClient(join(dataDir, 'kubeconfig'));
      return work({ pid: child.pid ?? 0, dataDir, readyMs, client, stop });
    },
  );
}

/** As `withCluster`, on a data directory that is removed afterwards. */
export async function withFreshCluster<T>(work: (cluster: BenchCluster) => Promise<T>): Promise<T> {
  const dataDir = newDataDir();
  return withCleanup(
    () => removeDataDir(dataDir),
    () => withCluster(dataDir, work),
  );
}
