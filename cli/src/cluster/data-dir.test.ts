import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dataDirPaths, lockDataDir, nodeNameOf, type DataDirPaths } from './data-dir.ts';

describe('a data directory', () => {
  let paths: DataDirPaths;
  beforeEach(() => {
    paths = dataDirPaths(mkdtempSync(join(tmpdir(), 'timonel-data-dir-')));
  });
  afterEach(() => rmSync(paths.root, { recursive: true, force: true }));

  it('remembers the node name until another one is given', () => {
    expect(nodeNameOf(paths, undefined, 'host-a')).toBe('host-a');
    expect(nodeNameOf(paths, undefined, 'host-b')).toBe('host-a');
    expect(nodeNameOf(paths, 'given', 'host-b')).toBe('given');
    expect(nodeNameOf(paths, undefined, 'host-b')).toBe('given');
  });

  it('is locked by one at a time, and free again afterwards', async () => {
    const unlock = await lockDataDir(paths);
    await expect(lockDataDir(paths)).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining(`pid ${process.pid}`),
    });
    await unlock();
    await (
      await lockDataDir(paths)
    )();
  });
});
