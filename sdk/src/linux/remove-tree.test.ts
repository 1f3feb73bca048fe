import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { removeTree } from './remove-tree.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-remove-tree-'));
});
afterEach(() => removeTree(root));

describe('removal of a directory that others filled', () => {
  it('removes what is deeper than a path can name', async () => {
    const half = Array.from({ length: 15 }, () => 'd'.repeat(200)).join('/');
    for (const top of ['upper', 'lower']) await mkdir(join(root, top, half), { recursive: true });
    await writeFile(join(root, 'lower', half, 'file'), '');
    await rename(join(root, 'lower'), join(root, 'upper', half, 'lower'));
    await removeTree(join(root, 'upper'));
    expect(existsSync(join(root, 'upper'))).toBe(false);
  });

  it('leaves what links lead to, and says nothing of what is not there', async () => {
    await mkdir(join(root, 'tree'));
    await writeFile(join(root, 'kept'), '');
    await symlink(root, join(root, 'tree', 'link'));
    await removeTree(join(root, 'tree'));
    await removeTree(join(root, 'tree'));
    expect([existsSync(join(root, 'tree')), existsSync(join(root, 'kept'))]).toEqual([false, true]);
  });
});
