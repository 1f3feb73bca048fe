/** The disk of the guest: programs of this machine, the tests as one file each, and what runs them. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundleTests } from './bundle.ts';
import { initScript } from './init.ts';
import { runnerPackages } from './packages.ts';
import { root } from './paths.ts';
import { copyPrograms, pathOf } from './programs.ts';

const sizeMb = 900;
/** Where the repository is in the guest. */
export const guestRoot = '/timonel';
/** Found by the tests at their places in the repository. */
const natives = ['plugins/runtime-linux/native/build/timonel-monitor', 'plugins/runtime-oci/native/build/timonel-oci'];

/** Makes a file with a file system. `tests`: files of the repository, and programs that they run. */
export async function makeDisk(directory: string, tests: readonly string[]): Promise<string> {
  const tree = join(directory, 'tree');
  copyPrograms(tree, nativeOf(runnerPackages()));
  cpSync(pathOf('busybox'), join(tree, 'usr', 'bin', 'busybox'), { dereference: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(tree, name));
  for (const name of ['proc', 'sys', 'dev', 'tmp', 'run', 'root', 'etc']) mkdirSync(join(tree, name));
  writeFileSync(join(tree, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(tree, 'etc', 'group'), 'root:x:0:\n');
  writeFileSync(join(tree, 'etc', 'hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(tree, 'init'), initScript(), { mode: 0o755 });
  const repository = join(tree, guestRoot);
  await bundleTests(tests, repository);
  copyRunner(repository);
  const disk = join(directory, 'disk');
  const options = ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-d', tree, disk, `${sizeMb}M`];
  execFileSync('mke2fs', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  return disk;
}

function nativeOf(packages: readonly string[]): string[] {
  return packages.flatMap((path) =>
    readdirSync(join(root, path))
      .filter((name) => name.endsWith('.node'))
      .map((name) => join(root, path, name)),
  );
}

function copyRunner(target: string): void {
  for (const path of [...natives, ...runnerPackages()]) {
    mkdirSync(join(target, dirname(path)), { recursive: true });
    // Linked: these are thousands of files, and the disk takes their content in any case.
    execFileSync('cp', ['-al', join(root, path), join(target, dirname(path))]);
  }
  const config = {
    rootDir: guestRoot,
    roots: ['<rootDir>/cli', '<rootDir>/plugins', '<rootDir>/sdk'],
    testMatch: ['**/*.test.mjs'],
    testEnvironment: 'node',
    testEnvironmentOptions: { globalsCleanup: 'off' },
    transform: {},
    testTimeout: 120_000,
    watchman: false,
    cacheDirectory: '/tmp/jest',
  };
  writeFileSync(join(target, 'jest.config.json'), JSON.stringify(config));
}
