import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { containerConfig, sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { pluginSuite, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import plugin from './index.ts';
import { startTimeOf } from './process-figures.ts';

pluginSuite('runtime-process', () => ({ entry: { definition: plugin, source: 'built-in' }, dependencies: [] }));

const image = { imageId: 'sha256:host', reference: 'timonel.local/node:host', layers: [] };

describe('runtime-process', () => {
  let dataDir: string;
  let kernel: TestKernel;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-process-'));
    kernel = await startTestKernel({ plugins: [plugin], dataDir });
  });
  afterEach(async () => {
    await kernel.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const runtime = () => {
    const [provider] = kernel.service(containerRuntime).all();
    if (provider === undefined) throw new Error('no runtime');
    return provider.service;
  };

  it('says loudly that nothing is isolated', async () => {
    expect(kernel.log.lines.some(({ level, message }) => level === 'warn' && message.includes('PLAIN PROCESSES'))).toBe(
      true,
    );
    expect((await runtime().info()).isolation).toContain('none');
  });

  it('runs node of this host, finds mounted files, gives the environment, and writes long lines in parts', async () => {
    const file = join(dataDir, 'server.js');
    await writeFile(file, 'console.log(process.env.GREETING + " " + process.execPath); console.log("x".repeat(20000))');
    await runtime().runSandbox(sandboxConfig('s', join(dataDir, 'logs')));
    const mounts = [{ hostPath: dataDir, containerPath: '/app', readOnly: true, propagation: 'private' as const }];
    const env = [{ name: 'GREETING', value: 'hello' }];
    const config = containerConfig('s', 'c', image, ['node', '/app/server.js'], { mounts, env });
    const { logPath } = await runtime().createContainer(config);
    await runtime().startContainer('c');
    await until(async () => (await runtime().containerStatus('c'))?.state === 'exited', { what: 'the end' });
    const lines = (await readFile(logPath, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ').slice(1, 3).join(' '))).toEqual(['stdout F', 'stdout P', 'stdout F']);
    expect(lines[0]).toContain(`hello ${process.execPath}`);
    expect((lines[1]?.split(' ')[3] ?? '') + (lines[2]?.split(' ')[3] ?? '')).toBe('x'.repeat(20_000));
  });

  it('drops who is attached and does not read, and lets the container go on', async () => {
    await runtime().runSandbox(sandboxConfig('s', join(dataDir, 'logs')));
    const script =
      'const b="x".repeat(65535)+"\\n";process.stdin.once("data",()=>{for(let i=0;i<400;i++)process.stdout.write(b)}).on("end",()=>process.exit(3))';
    await runtime().createContainer(
      containerConfig('s', 'c', image, ['node', '-e', script], { stdin: true, stdinOnce: true }),
    );
    await runtime().startContainer('c');
    const [reader, slow] = [
      await runtime().attach('c', { stdin: true }),
      await runtime().attach('c', { stdin: false }),
    ];
    let received = 0;
    reader.stdout.on('data', (chunk: Buffer) => (received += chunk.length));
    let complaint = '';
    slow.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    reader.stdin?.write('go');
    await until(() => received === 400 * 65_536, { what: 'all to arrive at the one who reads' });
    expect(await slow.exited).toBe(1);
    const { readableLength, writableLength } = slow.stdout as PassThrough;
    expect(readableLength + writableLength).toBeLessThan(1024 * 1024 + 2 * 65_536);
    await until(() => complaint.includes('read more slowly'), { what: 'the reason' });
    reader.stdin?.end();
    expect(await reader.exited).toBe(3);
  });

  it('has all in the log when the container ends while a reader is behind', async () => {
    await runtime().runSandbox(sandboxConfig('s', join(dataDir, 'logs')));
    const script = 'while read -r n && [ "$n" != end ]; do printf "%032767d\\n" "$n"; done; echo last; exit 3';
    const { logPath } = await runtime().createContainer(
      containerConfig('s', 'c', image, ['sh', '-c', script], { stdin: true }),
    );
    await runtime().startContainer('c');
    const slow = await runtime().attach('c', { stdin: true });
    const logged = (text: string): Promise<boolean> =>
      until(async () => (await readFile(logPath, 'utf8')).includes(text), { what: text, timeoutMs: 500 }).catch(
        () => false,
      );
    let line = 1000;
    do slow.stdin?.write(`${(line += 1)}\n`);
    while ((await logged(`${line}\n`)) && line < 1200);
    expect(line).toBeLessThan(1200);
    slow.stdin?.write('0\n0\nend\n');
    await until(async () => (await runtime().containerStatus('c'))?.exitCode === 3, { what: 'the end' });
    expect((await readFile(logPath, 'utf8')).endsWith('stdout F last\n')).toBe(true);
    slow.stdout.resume();
    expect(await slow.exited).toBe(3);
  });

  it('closes a connection whose sandbox was stopped while it was made', async () => {
    let closed = 0;
    const server = createServer((socket) => socket.on('error', () => undefined).on('close', () => (closed += 1)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await runtime().runSandbox(sandboxConfig('s', join(dataDir, 'logs')));
      const dialled = runtime().dial('s', (server.address() as AddressInfo).port);
      const stopped = runtime().stopSandbox('s');
      await expect(dialled).rejects.toMatchObject({ reason: 'DialError', message: 'sandbox s is not ready' });
      await stopped;
      await until(() => closed === 1, { what: 'the connection to be closed' });
    } finally {
      server.close();
    }
  });

  it('kills on shutdown what runs, children included', async () => {
    await runtime().runSandbox(sandboxConfig('s', join(dataDir, 'logs')));
    const config = containerConfig('s', 'c', image, ['sh', '-c', 'sleep 1000 & echo $!; trap "" TERM; wait']);
    const { logPath } = await runtime().createContainer(config);
    await runtime().startContainer('c');
    const child = await until(async () => Number((await readFile(logPath, 'utf8')).trim().split(' ').at(-1)), {
      what: 'the pid of the child',
    });
    expect(await startTimeOf(child)).toBeDefined();
    await kernel.stop();
    await until(async () => (await startTimeOf(child)) === undefined, { what: 'the child to be gone' });
  });

  it('kills what a crash left behind, and nothing that only has its pid', async () => {
    await kernel.stop();
    const orphan = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    const other = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    const pids = [orphan.pid ?? 0, other.pid ?? 0];
    const [startTime] = await Promise.all(pids.map((pid) => startTimeOf(pid)));
    const table = [
      { pid: pids[0], startTime },
      { pid: pids[1], startTime: '1' },
    ];
    await writeFile(join(dataDir, 'runtime-process', 'processes.json'), JSON.stringify(table));
    const exited = new Promise((resolve) => orphan.once('exit', (_code, signal) => resolve(signal)));
    kernel = await startTestKernel({ plugins: [plugin], dataDir });
    expect(await exited).toBe('SIGKILL');
    expect(other.exitCode).toBeNull();
    other.kill('SIGKILL');
  });
});
