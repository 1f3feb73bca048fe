import { readFileSync, readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import type { ContainerConfig, ExecSession } from '@timonel/sdk/contracts/runtime';
import { readIdentity } from './records.ts';
import { Bed } from './testing/bed.ts';

const bed = new Bed(createRealEnv());
const sessions: ExecSession[] = [];
beforeAll(() => bed.open(), 60_000);
afterEach(async () => {
  for (const session of sessions.splice(0)) session.kill();
  await bed.removeAll();
});
afterAll(() => bed.close());

interface Source {
  on(event: 'data' | 'end', listener: (chunk: Buffer) => void): unknown;
}

function collect(stream: Source | undefined): { text: string; ended: boolean } {
  const all = { text: '', ended: false };
  stream?.on('data', (chunk) => (all.text += String(chunk)));
  stream?.on('end', () => (all.ended = true));
  return all;
}

async function attach(id: string, stdin = true): Promise<ExecSession> {
  const session = await bed.runtime.attach(id, { stdin });
  sessions.push(session);
  return session;
}

const shell = async (script: string, changes: Partial<ContainerConfig> = {}): Promise<string> =>
  bed.started(await bed.sandbox(), ['sh', '-c', script], changes);

const monitorOf = (id: string): number =>
  readIdentity(join(bed.runDir, 'containers', id), 'monitor')?.pid ?? Number.NaN;

describe('attach to a container without a terminal', () => {
  it('keeps stdout and stderr apart, and the log has it all', async () => {
    const id = await shell('while read -r x; do echo "out $x"; echo "err $x" >&2; done', { stdin: true });
    const session = await attach(id);
    const [out, err] = [collect(session.stdout), collect(session.stderr)];
    session.stdin?.write('1\n2\n');
    await until(() => out.text === 'out 1\nout 2\n' && err.text === 'err 1\nerr 2\n', { what: 'both streams' });
    await bed.printed(id, 'out 2');
  });

  it('passes megabytes in both directions, as fast as the container takes them', async () => {
    const id = await shell('wc -c; echo done', { stdin: true, stdinOnce: true });
    const session = await attach(id);
    const out = collect(session.stdout);
    for (let index = 0; index < 8; index += 1) session.stdin?.write(Buffer.alloc(1024 * 1024, 'x'));
    session.stdin?.end();
    expect(await session.exited).toBe(0);
    await until(() => out.ended, { what: 'the end' });
    expect(out.text).toBe(`${8 * 1024 * 1024}\ndone\n`);
  });

  it('waits a while for who does not read, then drops him: container, log and others go on', async () => {
    const id = await shell(
      'read -r go; i=0; while [ $i -lt 100 ]; do printf "%065536d\\n" $i; i=$((i+1)); done; read -r end',
      {
        stdin: true,
      },
    );
    const reader = await attach(id);
    let received = 0;
    reader.stdout.on('data', (chunk: Buffer) => (received += chunk.length));
    const slow = await attach(id, false);
    const complaint = collect(slow.stderr);
    reader.stdin?.write('go\n');
    await until(() => received === 100 * 65_537, { what: 'all to arrive at the one who reads' });
    slow.stdout.resume();
    expect(await slow.exited).toBe(1);
    await until(() => complaint.text.includes('read more slowly'), { what: 'the reason' });
    reader.stdin?.write('end\n');
    expect(await reader.exited).toBe(0);
    await expect(attach(id)).rejects.toMatchObject({ reason: 'AttachError' });
  });

  it('gives all to who reads slowly, also what is written last', async () => {
    const id = await shell(
      'read -r go; i=0; while [ $i -lt 100 ]; do printf "%065536d\\n" $i; i=$((i+1)); done; echo last',
      {
        stdin: true,
      },
    );
    const session = await attach(id);
    let received = 0;
    let end = '';
    session.stdout.on('data', (chunk: Buffer) => {
      received += chunk.length;
      end = chunk.toString().slice(-5);
      if (received % 7 !== 0) return;
      session.stdout.pause();
      setTimeout(() => session.stdout.resume(), 20);
    });
    session.stdin?.write('go\n');
    expect(await session.exited).toBe(0);
    await until(() => end === 'last\n', { what: 'the last line' });
    expect(received).toBe(100 * 65_537 + 5);
  });

  it('takes 16 at a time and says so to the next', async () => {
    const id = await shell('read -r line; echo "$line"; read -r line', { stdin: true });
    const all = await Promise.all(Array.from({ length: 16 }, () => attach(id)));
    const outputs = all.map(({ stdout }) => collect(stdout));
    const refused = await attach(id);
    expect(await refused.exited).toBe(1);
    all[0]?.stdin?.write('hello\n');
    await until(() => outputs.every(({ text }) => text === 'hello\n'), { what: 'all 16 to be served' });
    all[1]?.kill();
    await until(
      async () => {
        const next = await attach(id);
        const over = await Promise.race([next.exited, until(() => true, { what: 'a turn' }).then(() => undefined)]);
        return over === undefined;
      },
      { what: 'a place to be free again' },
    );
  });

  it('goes on when the container closes its stdin or its output', async () => {
    const id = await shell('exec <&-; echo closed; exec >&-; read -r x <&2 || sleep 0.2; exit 4', { stdin: true });
    const session = await attach(id);
    session.stdin?.write('nobody reads this\n');
    expect(await session.exited).toBe(4);
  });

  it('needs no more of the monitor than a few pages', async () => {
    const id = await shell('while read -r x; do echo "$x"; done', { stdin: true });
    const all = await Promise.all(Array.from({ length: 16 }, () => attach(id)));
    const outputs = all.map(({ stdout }) => collect(stdout));
    for (const { stdin } of all) stdin?.write(`${'y'.repeat(2000)}\n`);
    await until(() => outputs.every(({ text }) => text.length === 16 * 2001), { what: 'all lines at all' });
    const status = readFileSync(`/proc/${monitorOf(id)}/status`, 'utf8');
    expect(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1])).toBeLessThan(1536);
    for (const session of all) session.kill();
    await until(() => readdirSync(`/proc/${monitorOf(id)}/fd`).length < 20, { what: 'descriptors to be closed' });
  });
});

describe('faults of those who serve the attached', () => {
  it('ends with the container when the monitor is killed', async () => {
    const id = await shell('echo ready; while :; do sleep 0.1; done', { stdin: true });
    await bed.printed(id, 'ready');
    const session = await attach(id);
    const out = collect(session.stdout);
    process.kill(monitorOf(id), 'SIGKILL');
    expect(await session.exited).toBe(137);
    await until(() => out.ended, { what: 'the output to end' });
  });

  it('does not wait for a monitor that does not answer', async () => {
    const id = await shell('echo ready; while read -r x; do echo "$x"; done', { stdin: true, tty: true });
    await bed.printed(id, 'ready');
    const monitor = monitorOf(id);
    process.kill(monitor, 'SIGSTOP');
    try {
      const session = await attach(id);
      for (let index = 0; index < 10_000; index += 1) session.resize(80 + (index % 80), 24);
      const all = await Promise.allSettled(Array.from({ length: 200 }, () => attach(id)));
      const refused = all.find(({ status }) => status === 'rejected');
      expect(refused).toMatchObject({ reason: { message: expect.stringContaining('does not answer') } });
      session.kill();
      expect(await session.exited).toBe(0);
    } finally {
      process.kill(monitor, 'SIGCONT');
    }
    for (const session of sessions.splice(0)) session.kill();
    const usable = async (): Promise<boolean> => {
      const session = await attach(id);
      const out = collect(session.stdout);
      session.stdin?.write('again\n');
      return await until(() => out.text.includes('again'), { what: 'an answer', timeoutMs: 1000 }).catch(() => false);
    };
    await until(usable, { what: 'the container to be usable again' });
  });
});

describe('connections', () => {
  it('go to the localhost of the node when the sandbox has its network', async () => {
    const server = createServer((socket) => socket.end('node'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const all = collect(await bed.runtime.dial(await bed.sandbox({ hostNetwork: true }), port));
      await until(() => all.ended, { what: 'the answer' });
      expect(all.text).toBe('node');
      const own = await bed.sandbox();
      await expect(bed.runtime.dial(own, port)).rejects.toMatchObject({ message: expect.stringContaining(`${port}`) });
    } finally {
      server.close();
    }
  });

  it('pass much in both directions at once, and keep no process', async () => {
    const sandbox = await bed.sandbox();
    const script =
      'require("net").createServer({allowHalfOpen:true},(c)=>c.pipe(c)).listen(7000,"127.0.0.1",()=>console.log("up"))';
    await bed.printed(await bed.started(sandbox, ['node', '-e', script]), 'up');
    const connections = await Promise.all(Array.from({ length: 10 }, () => bed.runtime.dial(sandbox, 7000)));
    const received = await Promise.all(
      connections.map(async (connection) => {
        let bytes = 0;
        connection.on('data', (chunk: Buffer) => (bytes += chunk.length));
        const ended = new Promise((resolve) => connection.once('end', resolve));
        for (let index = 0; index < 4; index += 1) connection.write(Buffer.alloc(1024 * 1024));
        connection.end();
        await ended;
        return bytes;
      }),
    );
    expect(received).toEqual(received.map(() => 4 * 1024 * 1024));
    const dialling = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(bed.runDir));
    expect(dialling.map(commandOf).filter((text) => text.includes('dial'))).toEqual([]);
  });
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it ended while we looked
  }
}

describe('attach to a container with a terminal', () => {
  const terminal = { stdin: true, stdinOnce: true, tty: true };

  it('writes CRLF to the log as to those who are attached, echoes, and ends a line as a terminal does', async () => {
    const id = await shell('while read -r x; do echo "got $x"; done; exit 6', terminal);
    const session = await attach(id);
    expect(session.stderr).toBeUndefined();
    const out = collect(session.stdout);
    session.stdin?.write('ahoy\n');
    await until(() => out.text === 'ahoy\r\ngot ahoy\r\n', { what: 'echo and answer' });
    await bed.printed(id, 'got ahoy\r');
    session.stdin?.write('\u0004');
    expect(await session.exited).toBe(6);
  });

  it('keeps its terminal when the first leaves, has the size it was given, and sends signals', async () => {
    const id = await shell('trap "echo interrupted" INT; while :; do read -r x && stty size; done', terminal);
    const first = await attach(id);
    const out = collect(first.stdout);
    first.resize(132, 43);
    first.stdin?.write('a\n');
    await until(() => out.text.includes('43 132'), { what: 'the size' });
    first.stdin?.end();
    first.kill();
    await bed.restart();
    const second = await attach(id);
    const later = collect(second.stdout);
    second.resize(99, 33);
    second.stdin?.write('\u0003');
    await until(() => later.text.includes('interrupted'), { what: 'the signal' });
    second.stdin?.write('b\n');
    await until(() => later.text.includes('33 99'), { what: 'the new size' });
  });
});
