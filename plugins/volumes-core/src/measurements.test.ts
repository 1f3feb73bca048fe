import { link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { manualEnv } from '@timonel/testkit';
import { diskUsage } from './disk-usage.ts';
import { Measurements } from './measurements.ts';
import { walk } from './walk.ts';

let root: string;
beforeEach(async () => {
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
    expect(walked?.inodesUsed).toBe(24);
  });

  it('is nothing when it is absent', async () => {
    expect(await walk(join(root, 'absent'))).toEqual({ usedBytes: 0, inodesUsed: 0 });
    expect(await diskUsage(join(root, 'absent'))).toEqual({ usedBytes: 0, inodesUsed: 0 });
  });

  it('is left to du when there is much of it, or when it is too deep for paths', async () => {
    await fill(2100);
    expect(await walk(root)).toBeUndefined();
    expect((await new Measurements(manualEnv()).of(root)).inodesUsed).toBe(2102);
    const half = Array.from({ length: 15 }, () => 'd'.repeat(200)).join('/');
    for (const top of ['upper', 'lower']) await mkdir(join(root, top, half), { recursive: true });
    await writeFile(join(root, 'lower', half, 'hidden'), '');
    await rename(join(root, 'lower'), join(root, 'upper', half, 'lower'));
    expect((await diskUsage(root)).inodesUsed).toBe(2102 + 2 * 16 + 1);
  });

  it('is measured once by those who ask at the same time, and not again before a while', async () => {
    const env = manualEnv();
    const measurements = new Measurements(env);
    const [first, second] = await Promise.all([measurements.of(root), measurements.of(root)]);
    expect(second).toBe(first);
    await fill(1);
    expect(await measurements.of(root)).toBe(first);
    await env.advance(1000);
    expect((await measurements.of(root)).inodesUsed).toBe(3);
  });

  it('is forgotten with what is above it', async () => {
    const measurements = new Measurements(manualEnv());
    await mkdir(join(root, 'v'));
    const first = await measurements.of(join(root, 'v'));
    measurements.forget(root);
    await rm(join(root, 'v'), { recursive: true });
    expect(await measurements.of(join(root, 'v'))).not.toEqual(first);
  });
});
