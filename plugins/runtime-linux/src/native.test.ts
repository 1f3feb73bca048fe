/** The native side under sanitizers and valgrind, and its parsers on random input. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { runtimeContract, isolatedCommands } from '@timonel/testkit/contracts/runtime';
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
    let runtime = await openRuntime(dataDir, env, {}, monitor);
    return {
      runtime,
      image: image.image,
      logDirectory: join(dataDir, 'logs'),
      commands: isolatedCommands,
      async restart() {
        runtime.close();
        runtime = await openRuntime(dataDir, env, {}, monitor);
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
