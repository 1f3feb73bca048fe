import { link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { diskUsage } from './disk-usage.ts';
import { DirectorySizes } from './index.ts';
import { walk } from './walk.ts';

let root: string;
let now = 0;
const clock = { monotonic: () => now };
beforeEach(async () => {
  now = 0;
  root = await mkdtemp(join(tmpdir(), 'timonel-measure-'));
});
// It may be deeper than paths can say.
afterEach(() => void execFileSync('rm', ['-rf', '--', root]));

async function fill(files: number): Promise<void> {
  await mkdir(join(root, 'sub'));
  for (let index = 0; index < files; index += 1) await writeFile(join(root, 'sub', `${index}`), 'some bytes');
}

describe('what a directory holds', () => {
  it('is the same by a walk as by du: links count once, and are not followed', async () => {
    await fill(20);
    await writeFile(join(root, 'large'), Buffer.alloc(100_000, 1));
    await link(join(root, 'large'), join(root, 'sub/again'));
    await symlink('/usr', join(root, 'link'));
    const walked = await walk(root);
    expect(walked).toEqual(await diskUsage(root));
    expect(walked?.inodes).toBe(24);
  });

  it('is nothing when it is absent', async () => {
    expect(await walk(join(root, 'absent'))).toEqual({ bytes: 0, inodes: 0 });
    expect(await diskUsage(join(root, 'absent'))).toEqual({ bytes: 0, inodes: 0 });
  });

  it('is left to du when there is much of it, or when it is too deep for paths', async () => {
    await fill(2100);
    expect(await walk(root)).toBeUndefined();
    expect((await new DirectorySizes(clock).of(root)).inodes).toBe(2102);
    const half = Array.from({ length: 15 }, () => 'd'.repeat(200)).join('/');
    for (const top of ['upper', 'lower']) await mkdir(join(root, top, half), { recursive: true });
    await writeFile(join(root, 'lower', half, 'hidden'), '');
    await rename(join(root, 'lower'), join(root, 'upper', half, 'lower'));
    expect((await diskUsage(root)).inodes).toBe(2102 + 2 * 16 + 1);
  });

  it('is measured once by those who ask at the same time, and again after twenty times what that took', async () => {
    const sizes = new DirectorySizes(clock);
    const first = sizes.of(root);
    expect(sizes.of(root)).toBe(first);
    now += 100;
    const before = await first;
    await fill(1);
    now += 1999;
    expect(await sizes.of(root)).toBe(before);
    now += 1;
    expect((await sizes.of(root)).inodes).toBe(before.inodes + 2);
  });

  it('is forgotten with what is above it', async () => {
    const sizes = new DirectorySizes(clock);
    await mkdir(join(root, 'v'));
    const first = await sizes.of(join(root, 'v'));
    sizes.forgetBelow(root);
    await rm(join(root, 'v'), { recursive: true });
    expect(await sizes.of(join(root, 'v'))).not.toEqual(first);
  });
});
