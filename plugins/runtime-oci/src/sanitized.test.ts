/** The native side, built with the sanitizers for addresses and undefined behaviour: what they find ends it with another status. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { shellCommands } from '@timonel/testkit/contracts/runtime';
import { freePort } from '@timonel/testkit/free-port';
import type { Bed } from './testing/bed.ts';

const native = join(import.meta.dirname, '..', 'native');

describe('the sanitized helper', () => {
  let bed: Bed;
  let built: string;
  beforeAll(async () => {
    built = mkdtempSync(join(tmpdir(), 'timonel-oci-sanitized-'));
    execFileSync('make', ['-C', native, 'sanitize', `OUT=${built}`], { stdio: 'pipe' });
    const real = await import('./helper.ts');
    jest.unstable_mockModule('./helper.ts', () => ({ ...real, helper: join(built, 'timonel-oci-sanitized') }));
    const module = await import('./testing/bed.ts');
    bed = new module.Bed('crun', createRealEnv());
    await bed.open();
  }, 60_000);
  afterAll(async () => {
    const left = await bed.close();
    rmSync(built, { recursive: true, force: true });
    expect(left).toEqual([]);
  }, 30_000);

  it('relays terminals, attached streams of much output and connections, and shifts owners', async () => {
    const userNamespace = { firstUid: 500_000, firstGid: 500_000, length: 65_536 };
    mkdirSync(join(bed.dataDir, 'volume'));
    const mounts = [
      { hostPath: join(bed.dataDir, 'volume'), containerPath: '/v', readOnly: false, propagation: 'private' },
    ] as const;
    const sandbox = await bed.sandbox({ userNamespace });
    const port = await freePort();
    const served = await bed.started(sandbox, shellCommands.echoServer?.(port) ?? [], { mounts });
    const connect = () => bed.runtime.dial(sandbox, port).catch(() => undefined);
    const connection = await until(connect, { what: 'the server' });
    let echo = '';
    connection.on('data', (chunk) => (echo += String(chunk)));
    connection.end('hello');
    await until(() => echo === 'hello', { what: 'the echo' });

    const terminal = await bed.runtime.exec(served, {
      command: ['sh', '-c', 'read -r x; stty size; head -c 300000 /dev/zero | tr "\\0" "t"; exit 6'],
      tty: true,
      stdin: true,
    });
    let shown = 0;
    terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.length));
    for (let size = 1; size <= 200; size++) terminal.resize(size, size);
    terminal.stdin?.write(`${'x'.repeat(1000)}\n`);
    expect(await terminal.exited).toBe(6);
    expect(shown).toBeGreaterThan(300_000);

    const talks = ['sh', '-c', 'read -r x; head -c 3000000 /dev/zero | tr "\\0" "a"; echo >&2 end; exit 4'];
    const talker = await bed.started(sandbox, talks, { stdin: true });
    const session = await bed.runtime.attach(talker, { stdin: true });
    let bytes = 0;
    session.stderr?.resume();
    session.stdin?.write('go\n');
    // Until all buffers are full: the log of a container that waits for its reader does not grow.
    const logPath = (await bed.runtime.containerStatus(talker))?.logPath ?? '';
    let before = 0;
    const waits = (): boolean => {
      const { size } = statSync(logPath);
      const same = size > 0 && size === before;
      before = size;
      return same;
    };
    await until(waits, { what: 'the container to wait for its reader', intervalMs: 200 });
    session.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
    expect(await session.exited).toBe(4);
    await until(() => bytes === 3_000_000, { what: 'all of the output' });
  }, 30_000);
});
