/** Sessions on a node without a cluster around it: what the runtime itself costs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createRealEnv } from '@timonel/core';
import type { ContainerConfig } from '@timonel/sdk/contracts/runtime';
import { layoutOf } from '../../plugins/runtime-linux/src/layout.ts';
import { readIdentity } from '../../plugins/runtime-linux/src/records.ts';
import { runPathOf } from '../../plugins/runtime-linux/src/run-directory.ts';
import type { LinuxRuntime } from '../../plugins/runtime-linux/src/runtime.ts';
import { makeHostImage, type TestImage } from '../../plugins/runtime-linux/src/testing/host-image.ts';
import { openRuntime } from '../../plugins/runtime-linux/src/testing/open-runtime.ts';
import { containerConfig, sandboxConfig } from '../../sdk/testkit/src/contracts/runtime/configs.ts';
import { until } from '../support/until.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { withCleanup, withTemporaryFolder } from './cleanup.ts';
import { median, type Figure } from './figures.ts';

const bench = 'sessions';
const sandbox = 'bench';
const attachedAtOnce = 16;
const transferMs = 1000;
const port = 7000;

/** Writes for ever, to each who connects. */
const source = (at: number | string): string =>
  `const b=Buffer.alloc(1<<20);require('node:net').createServer((c)=>{const f=()=>{while(c.write(b));};c.on('drain',f);c.on('error',()=>{});f()})` +
  `.listen(${at},'127.0.0.1',function(){console.log('port '+this.address().port)})`;

interface Node {
  readonly runtime: LinuxRuntime;
  readonly dataDir: string;
  start(id: string, command: readonly string[], changes?: Partial<ContainerConfig>): Promise<void>;
}

type Work = () => Promise<() => unknown>;

/** In turns, so that what else the machine does hits all alike. Each answers how to undo what it did. */
async function inTurns(rounds: number, all: readonly Work[]): Promise<number[][]> {
  const samples = all.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, work] of all.entries()) {
      const begin = performance.now();
      const undo = await work();
      samples[index]?.push(performance.now() - begin);
      await undo();
    }
  }
  return samples;
}

/** A median against another, and the most that it may be of it; or the least. */
function ratio(name: string, own: readonly number[], other: readonly number[], limit: number, least = false): Figure {
  const value = median(own) / median(other);
  const verdict = { wanted: `${least ? '≥' : '≤'} ${limit} ×`, met: least ? value >= limit : value <= limit };
  return { bench, name, unit: '×', verdict, samples: [value] };
}

async function megabytesPerSecond(connection: Duplex): Promise<number> {
  let bytes = 0;
  connection.on('data', (chunk: Buffer) => (bytes += chunk.length));
  connection.on('error', () => undefined);
  const begin = performance.now();
  await new Promise((resolve) => setTimeout(resolve, transferMs));
  connection.destroy();
  return bytes / 1e6 / ((performance.now() - begin) / 1000);
}

async function transfers({ runtime }: Node, hostPort: number, rounds: number): Promise<Figure[]> {
  const inside: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    inside.push(await megabytesPerSecond(await runtime.dial(sandbox, port)));
    plain.push(await megabytesPerSecond(connect(hostPort, '127.0.0.1')));
  }
  return [
    { bench, name: 'out of a pod through one connection, a second', unit: 'MB', samples: inside },
    { bench, name: 'through one loopback connection of the host, a second', unit: 'MB', samples: plain },
    ratio('out of a pod, against loopback', inside, plain, 0.7, true),
  ];
}

async function monitorMemory({ runtime, dataDir }: Node): Promise<number> {
  const sessions = await Promise.all(
    Array.from({ length: attachedAtOnce }, () => runtime.attach('copies', { stdin: true })),
  );
  let bytes = 0;
  for (const { stdout } of sessions) stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
  sessions[0]?.stdin?.write(`${'x'.repeat(1023)}\n`.repeat(1024));
  await until(() => bytes === attachedAtOnce * 1024 * 1024, { what: 'a megabyte for each of the attached' });
  const pid = readIdentity(layoutOf(dataDir, runPathOf(dataDir, '')).monitor('copies'), 'monitor')?.pid;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  for (const session of sessions) session.kill();
  return (Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024) / 1e6;
}

async function measure(node: Node, hostPort: number, { rounds, note }: BenchOptions): Promise<Figure[]> {
  const { runtime } = node;
  await node.start('serves', ['node', '-e', source(port)]);
  await node.start('copies', ['cat'], { stdin: true });
  await until(() => runtime.dial(sandbox, port).then((connection) => connection.destroy()), { what: 'the server' });
  const nothing = (): void => undefined;
  const works: Work[] = [
    async () => {
      const child = spawn('true', { stdio: 'ignore' });
      await new Promise((resolve) => child.once('close', resolve));
      return nothing;
    },
    async () => {
      const session = await runtime.exec('copies', { command: ['true'], tty: false, stdin: false });
      await session.exited;
      return nothing;
    },
    async () => {
      const session = await runtime.attach('copies', { stdin: true });
      return () => session.kill();
    },
    async () => {
      const connection = await runtime.dial(sandbox, port);
      return () => connection.destroy();
    },
  ];
  const [programs = [], execs = [], attaches = [], dials = []] = await inTurns(rounds, works);
  note(`${rounds} commands, attached streams and connections each`);
  return [
    { bench, name: 'program of the host, until its end is known (true)', unit: 'ms', samples: programs },
    { bench, name: 'command in a container, until its end is known (true)', unit: 'ms', samples: execs },
    ratio('command in a container, against the program of the host', execs, programs, 5),
    { bench, name: 'attach to a container', unit: 'ms', samples: attaches },
    ratio('attach, against the program of the host', attaches, programs, 1),
    { bench, name: 'connection into a pod', unit: 'ms', samples: dials },
    ratio('connection into a pod, against the program of the host', dials, programs, 2),
    ...(await transfers(node, hostPort, 5)),
    {
      bench,
      name: `resident memory of a monitor with ${attachedAtOnce} attached`,
      unit: 'MB',
      wanted: { max: 1.5 },
      samples: [await monitorMemory(node)],
    },
  ];
}

async function portOf(host: ChildProcess): Promise<number> {
  let text = '';
  host.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return Number(await until(() => /port (\d+)/.exec(text)?.[1], { what: 'the server of the host' }));
}

async function withNode(dataDir: string, image: TestImage, options: BenchOptions): Promise<Figure[]> {
  const runtime = await openRuntime(dataDir, createRealEnv());
  const host = spawn(process.execPath, ['-e', source(0)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const undo = async (): Promise<void> => {
    try {
      // The timers of the runtime do not keep this process alive: the child does.
      await runtime.removeSandbox(sandbox);
      runtime.close();
    } finally {
      host.kill('SIGKILL');
      image.remove();
    }
  };
  return withCleanup(undo, async () => {
    await runtime.runSandbox(sandboxConfig(sandbox, join(dataDir, 'logs')));
    const start: Node['start'] = async (id, command, changes = {}) => {
      await runtime.createContainer(containerConfig(sandbox, id, image.image, command, changes));
      await runtime.startContainer(id);
    };
    return measure({ runtime, dataDir, start }, await portOf(host), options);
  });
}

export const sessions: Bench = {
  name: bench,
  description: 'commands in containers, attached streams, connections into pods: time, throughput, memory',
  needsRoot: true,
  defaultRounds: 50,
  run: (options) => withTemporaryFolder('timonel-bench-sessions-', (dir) => withNode(dir, makeHostImage(), options)),
};
