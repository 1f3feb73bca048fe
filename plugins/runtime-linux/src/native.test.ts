/** The native side under sanitizers and valgrind, and its parsers on random input. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { isolatedCommands, logLimits, runtimeContract } from '@timonel/testkit/contracts/runtime';
import { Bed, security } from './testing/bed.ts';
import { makeHostImage } from './testing/host-image.ts';
import { makeNative } from './testing/native-build.ts';
import { openRuntime, removeDirectory, temporaryDirectory } from './testing/open-runtime.ts';

const built = temporaryDirectory();
beforeAll(() => {
  makeNative(['sanitize', 'fuzz'], { OUT: built });
}, 60_000);
afterAll(() => {
  removeDirectory(built);
});

/** What it printed, with how it ended when that was not well. */
function run(command: string, args: readonly string[]): string {
  const cwd = join(built, 'fuzzing');
  mkdirSync(cwd, { recursive: true });
  const env = { PATH: process.env['PATH'], ASAN_OPTIONS: 'detect_leaks=0' };
  const { error, stdout, stderr, status, signal } = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (error !== undefined)
    throw new Error(`${command} cannot be run (Debian: apt install ${command})`, { cause: error });
  return status === 0 ? stdout : `${stdout}${stderr}ended with ${status ?? signal}`;
}

describe('the native side', () => {
  it('stays under 2,000 lines of code', () => {
    const directory = join(import.meta.dirname, '..', 'native', 'src');
    const lines = readdirSync(directory).flatMap((name) =>
      readFileSync(join(directory, name), 'utf8')
        .replaceAll(/\/\*.*?\*\//gs, '')
        .split('\n')
        .filter((line) => line.trim() !== ''),
    );
    expect(lines.length).toBeLessThan(2000);
  });
});

describe('a container', () => {
  it('has a session keyring other than that of who started it, in sessions too', async () => {
    const bed = new Bed(createRealEnv());
    const program = join(built, 'keyring');
    const source =
      '#define _GNU_SOURCE\n#include <stdio.h>\n#include <unistd.h>\n#include <sys/syscall.h>\nint main(void){printf("%ld\\n",syscall(SYS_keyctl,0,-3,0));return 0;}\n';
    writeFileSync(`${program}.c`, source);
    execFileSync('cc', ['-static', '-o', join(bed.image.layer, 'usr/bin/keyring'), `${program}.c`]);
    await bed.open();
    try {
      const unconfined = security({ seccomp: { type: 'Unconfined' } });
      const id = await bed.started(await bed.sandbox(), ['sh', '-c', 'keyring; sleep 60'], unconfined);
      await until(
        async () => {
          const now = await bed.runtime.containerStatus(id);
          return now !== undefined && bed.logText(now, 'stdout') !== '';
        },
        { what: 'the number of the keyring' },
      );
      const session = await bed.runtime.exec(id, { command: ['keyring'], tty: false, stdin: false });
      let text = '';
      session.stdout.on('data', (chunk) => (text += String(chunk)));
      await session.exited;
      const status = await bed.runtime.containerStatus(id);
      const ours = execFileSync(join(bed.image.layer, 'usr/bin/keyring'), { encoding: 'utf8' }).trim();
      const theirs = [status === undefined ? '' : bed.logText(status, 'stdout').trim(), text.trim()];
      for (const each of theirs) expect(each).toMatch(/^\d+$/);
      expect(theirs).not.toContain(ours);
    } finally {
      await bed.close();
    }
  });
});

describe('the parsers of the spec and of the users of an image', () => {
  it.each([1, 2])('take any input, seed %i', (seed) => {
    expect(run(join(built, 'fuzz'), [String(seed), '2500'])).toBe('done\n');
  });

  it('use no memory that nobody wrote, as valgrind sees it', () => {
    expect(run('valgrind', ['-q', '--error-exitcode=9', join(built, 'fuzz-plain'), '3', '150'])).toBe('done\n');
  });
});

runtimeContract(
  'runtime-linux with a sanitized native side',
  async () => {
    const image = makeHostImage();
    const dataDir = temporaryDirectory();
    const env = createRealEnv();
    const monitor = join(built, 'timonel-monitor-sanitized');
    let runtime = await openRuntime(dataDir, env, logLimits, monitor);
    return {
      runtime,
      image: image.image,
      logDirectory: join(dataDir, 'logs'),
      commands: isolatedCommands,
      async restart() {
        runtime.close();
        runtime = await openRuntime(dataDir, env, logLimits, monitor);
        return runtime;
      },
      close() {
        runtime.close();
        removeDirectory(dataDir);
        image.remove();
        return Promise.resolve();
      },
    };
  },
  isolatedCommands,
);
