/** A server and a node in processes of their own, as on two machines: what the node takes is the node's alone. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@timonel/testkit/free-port';
import { ClusterClient } from '../../support/cluster-client.ts';
import { builtCommand } from '../bench-cluster.ts';
import { withCleanup, withTemporaryFolder } from '../cleanup.ts';
import { nodeFlags } from '../server-process.ts';

const startLimitMs = 90_000;

export interface NodeUnderLoad {
  readonly client: ClusterClient;
  /** Of the agent. */
  readonly pid: number;
}

interface Started {
  readonly child: ChildProcess;
  output(): string;
}

/** Until it says so. */
function start(args: readonly string[], text: string, flags: readonly string[] = []): Promise<Started> {
  // A group of its own: Ctrl-C must reach it from here only, since a second one would end it at once.
  const child = spawn(process.execPath, [...flags, builtCommand, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`timonel ${args[0]} ${why}:\n${output}`));
    const timer = setTimeout(() => fail('did not start in time'), startLimitMs);
    const onOutput = (chunk: Buffer): void => {
      output += chunk.toString();
      if (!output.includes(text)) return;
      clearTimeout(timer);
      resolve({ child, output: () => output });
    };
    child.stdout.on('data', onOutput);
    child.stderr.on('data', onOutput);
    child.once('exit', () => {
      clearTimeout(timer);
      fail('ended');
    });
  });
}

async function stop({ child }: Started): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), startLimitMs);
  await ended;
  clearTimeout(timer);
}

/** Runs the work and stops the process, whatever comes of it. */
async function withProcess<T>(start: () => Promise<Started>, work: (started: Started) => Promise<T>): Promise<T> {
  const starting = start();
  return withCleanup(
    async () => stop(await starting),
    async () => work(await starting),
  );
}

function output(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [builtCommand, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(text.trim()) : reject(new Error(`timonel ${args.join(' ')} failed`)),
    );
  });
}

function startServer(dataDir: string, api: number, peer: number, octet: number): Promise<Started> {
  const listen = ['--listen', `127.0.0.1:${api}`, '--peer-listen', `127.0.0.1:${peer}`, '--advertise', '127.0.0.1'];
  const ranges = ['--cluster-cidr', `10.214.${octet}.0/24`, '--service-cidr', `10.215.${octet}.0/24`];
  return start(['server', '--data-dir', dataDir, '--name', 'bench', ...listen, ...ranges], ' is Ready after ');
}

/** The node's server and address do not meet those of another node on this machine. */
function agentFile(directory: string, port: number): string {
  const file = join(directory, 'agent.yaml');
  const plugins = {
    'node-server': { config: { listen: { address: '127.0.0.1', port } } },
    'node-agent': { config: { serverPort: port } },
  };
  writeFileSync(file, JSON.stringify({ onShutdown: 'remove', plugins }));
  return file;
}

export function withNode<T>(work: (node: NodeUnderLoad) => Promise<T>): Promise<T> {
  return withTemporaryFolder('timonel-bench-', async (directory) => {
    const [api, peer, nodePort] = [await freePort(), await freePort(), await freePort()];
    const octet = 16 + (process.pid % 200);
    const masterDir = join(directory, 'master');
    return withProcess(
      () => startServer(masterDir, api, peer, octet),
      async () => {
        const token = await output(['token', 'create', '--data-dir', masterDir]);
        const joining = ['--server', `https://127.0.0.1:${api}`, '--token', token, '--node-name', 'bench'];
        const own = ['--data-dir', join(directory, 'node'), '--config', agentFile(directory, nodePort)];
        const agent = [
          'agent',
          ...joining,
          ...own,
          '--node-address',
          '127.0.0.1',
          '--pod-cidr',
          `10.214.${octet}.0/24`,
        ];
        return withProcess(
          () => start(agent, 'Agent of node bench runs', nodeFlags),
          async ({ child }) => {
            const client = new ClusterClient(join(masterDir, 'kubeconfig'));
            return withCleanup(
              () => client.close(),
              () => work({ client, pid: child.pid ?? 0 }),
            );
          },
        );
      },
    );
  });
}
