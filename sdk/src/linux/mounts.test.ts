import { mkdir, mkdtemp, open, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mustRun } from '../command/index.ts';
import { isMounted, isOpenFile, mountOpenFile, mountPoints, unmountAll } from './mounts.ts';

const isRoot = process.getuid?.() === 0;
const test = isRoot ? it : it.skip;
const why = isRoot ? '' : ' (skipped: needs root)';
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-mounts-'));
});
afterEach(async () => {
  if (isRoot) await unmountAll(directory);
  await rm(directory, { recursive: true });
});

describe('mounts of open files', () => {
  test(`show what was opened, whatever its name leads to by then${why}`, async () => {
    const part = join(directory, 'part');
    await mkdir(part);
    await writeFile(join(part, 'name'), 'opened');
    const handle = await open(part, 'r');
    await rename(part, join(directory, 'moved'));
    await symlink('/etc', part);
    const target = join(directory, 'with a blank');
    await mountOpenFile(`/proc/${process.pid}/fd/${handle.fd}`, target);
    await handle.close();
    expect(await readFile(join(target, 'name'), 'utf8')).toBe('opened');
    expect(isMounted(target)).toBe(true);
    await unmountAll(target);
    expect(isMounted(target)).toBe(false);
    expect(await readFile(join(directory, 'moved', 'name'), 'utf8')).toBe('opened');
  });

  test(`are of files too${why}`, async () => {
    await writeFile(join(directory, 'file'), 'opened');
    const handle = await open(join(directory, 'file'), 'r');
    await mountOpenFile(`/proc/${process.pid}/fd/${handle.fd}`, join(directory, 'target'));
    await handle.close();
    expect(await readFile(join(directory, 'target'), 'utf8')).toBe('opened');
  });

  test(`go without those of the node that they show${why}`, async () => {
    const source = join(directory, 'source');
    await mkdir(source);
    await mustRun('mount', ['-t', 'tmpfs', 'contract', source]);
    await mustRun('mount', ['--make-shared', source]);
    await mkdir(join(source, 'below'));
    await mustRun('mount', ['-t', 'tmpfs', 'contract', join(source, 'below')]);
    const handle = await open(source, 'r');
    const target = join(directory, 'target');
    await mountOpenFile(`/proc/${process.pid}/fd/${handle.fd}`, target);
    await handle.close();
    expect(isMounted(join(target, 'below'))).toBe(true);
    await unmountAll(target);
    expect(mountPoints().filter((point) => point.startsWith(directory))).toEqual([source, join(source, 'below')]);
  });

  it('are told by their paths', () => {
    expect(['/proc/12/fd/3', '/proc/self/fd/3', '/proc/12/fd/3/part', '/proc/12/fd'].map(isOpenFile)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
