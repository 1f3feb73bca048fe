import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { volumeRequest } from '@timonel/testkit';
import { prepareHostPath } from './host-path.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-host-path-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const prepare = (path: string, type?: string) =>
  prepareHostPath(
    volumeRequest({ name: 'v', hostPath: { path, ...(type === undefined ? {} : { type }) } }, { directory: '/unused' }),
  );

describe('hostPath', () => {
  it.each([undefined, '', 'DirectoryOrCreate'])('of type %s makes a directory that is absent', async (type) => {
    const path = join(root, 'made/deep');
    expect(await prepare(path, type)).toEqual({ hostPath: path });
    expect((await stat(path)).isDirectory()).toBe(true);
  });

  it('of type FileOrCreate makes an empty file, and leaves one that is there', async () => {
    const path = join(root, 'file');
    await prepare(path, 'FileOrCreate');
    expect((await stat(path)).size).toBe(0);
    await writeFile(path, 'kept');
    await prepare(path, 'FileOrCreate');
    expect((await stat(path)).size).toBe(4);
  });

  it('knows files, sockets, and devices', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(join(root, 'socket'), done));
    await writeFile(join(root, 'file'), '');
    await prepare(join(root, 'file'), 'File');
    await prepare(join(root, 'socket'), 'Socket');
    await prepare('/dev/null', 'CharDevice');
    await new Promise((done) => server.close(done));
  });

  it.each([
    ['Directory', 'file', 'is not a directory'],
    ['DirectoryOrCreate', 'file', 'is not a directory'],
    ['File', '', 'is not a file'],
    ['FileOrCreate', '', 'is not a file'],
    ['Socket', 'file', 'is not a socket file'],
    ['CharDevice', 'file', 'is not a character device'],
    ['BlockDevice', 'file', 'is not a block device'],
    ['Directory', 'absent', 'is not a directory, and nothing is there'],
    ['File', 'absent', 'is not a file, and nothing is there'],
    ['Folder', 'file', 'hostPath type "Folder" is unknown'],
  ])('of type %s refuses %s', async (type, name, message) => {
    await writeFile(join(root, 'file'), '');
    await expect(prepare(join(root, name), type)).rejects.toThrow(message);
    await expect(stat(join(root, 'absent'))).rejects.toThrow('ENOENT');
  });

  it('refuses a path that is not absolute', async () => {
    await expect(prepare('etc')).rejects.toThrow('must be absolute');
  });
});
