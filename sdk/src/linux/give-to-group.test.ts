import { chmod, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { giveToGroup } from './give-to-group.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-group-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777;
const group = process.getgid?.() ?? 0;

describe('a volume that is given to a group', () => {
  it('gives nothing outside away while somebody puts links where its files and directories were', async () => {
    const [volume, outside] = [join(root, 'volume'), join(root, 'outside')];
    await mkdir(outside);
    await writeFile(join(outside, 'secret'), 'x', { mode: 0o600 });
    await chmod(outside, 0o700);
    await mkdir(volume);
    const names = Array.from({ length: 40 }, (_, index) => `d${index}`);
    for (const name of names) {
      await mkdir(join(volume, name));
      await writeFile(join(volume, name, 'secret'), 'y', { mode: 0o600 });
    }
    await mkdir(join(root, 'aside'));
    let over = false;
    const swap = async (): Promise<void> => {
      for (const name of names.toReversed()) {
        if (over) return;
        await rename(join(volume, name), join(root, 'aside', name));
        await symlink(outside, join(volume, name));
      }
    };
    await Promise.all([giveToGroup(volume, group).finally(() => (over = true)), swap()]);
    expect(await modeOf(join(outside, 'secret'))).toBe(0o600);
    expect(await modeOf(outside)).toBe(0o700);
    expect((await modeOf(volume)) & 0o2070).toBe(0o2070);
  });

  it('says so when its directories are too deep to be walked', async () => {
    await mkdir(join(root, ...Array.from({ length: 201 }, () => 'd')), { recursive: true });
    await expect(giveToGroup(root, group)).rejects.toThrow('more than 200 levels deep');
  });
});
