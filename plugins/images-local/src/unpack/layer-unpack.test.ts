import { execFile } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeTar, type TarMember } from '@timonel/testkit/contracts/images';
import { configSchema, type Limits } from '../config.ts';
import { unpackLayer } from './layer-unpack.ts';
import { readTarFile } from './tar-stream.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? it : it.skip;

describe('unpackLayer', () => {
  let directory: string;
  let layers: string[];
  const { limits } = configSchema.parse({});

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-unpack-'));
    layers = [];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Unpacks one more layer upon those before. */
  async function unpack(members: readonly TarMember[], some: Partial<Limits> = {}): Promise<string> {
    const root = join(directory, `layer-${layers.length}`);
    const file = `${root}.tar`;
    await mkdir(root);
    await writeFile(file, writeTar(members));
    const all = { ...limits, ...some };
    const below = [...layers].reverse();
    await unpackLayer(
      (visitor) => readTarFile({ path: file, what: 'the layer', maxBytes: all.maxLayerBytes }, visitor),
      root,
      below,
      all,
    );
    layers.push(root);
    return root;
  }

  /** What overlayfs shows of all layers: every path with the content of files. */
  async function merged(): Promise<Record<string, string>> {
    const target = join(directory, 'merged');
    const empty = join(directory, 'empty');
    await mkdir(target);
    await mkdir(empty);
    const lower = [...layers].reverse().concat(empty).join(':');
    await run('mount', ['-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${lower}`, target]);
    try {
      const found: Record<string, string> = {};
      for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        const name = path.slice(target.length + 1);
        found[name] = entry.isFile() ? await readFile(path, 'utf8') : entry.isDirectory() ? '/' : 'other';
      }
      return found;
    } finally {
      await run('umount', [target]);
    }
  }

  it('keeps modes, owners, times, symbolic and hard links', async () => {
    const root = await unpack([
      { name: './bin/', type: '5', mode: 0o751, mtime: 1_500_000_000 },
      { name: './bin/tool', content: 'tool', mode: 0o4755, uid: 12, gid: 34, mtime: 1_600_000_000 },
      { name: './bin/same', type: '1', link: './bin/tool' },
      { name: './bin/out', type: '2', link: '/etc/../../passwd' },
    ]);
    const tool = await lstat(join(root, 'bin/tool'));
    expect(tool.mode & 0o7777).toBe(0o4755);
    expect(tool.mtimeMs).toBe(1_600_000_000_000);
    expect((await lstat(join(root, 'bin/same'))).ino).toBe(tool.ino);
    if (isRoot) expect([tool.uid, tool.gid]).toEqual([12, 34]);
    const bin = await lstat(join(root, 'bin'));
    expect([bin.mode & 0o7777, bin.mtimeMs]).toEqual([0o751, 1_500_000_000_000]);
    expect(await readlink(join(root, 'bin/out'))).toBe('/etc/../../passwd');
  });

  asRoot('whiteouts hide what is below, as overlayfs itself sees it', async () => {
    await unpack([
      { name: 'a', content: '1' },
      { name: 'dir/', type: '5', mode: 0o700 },
      { name: 'dir/b', content: '1' },
      { name: 'dir/c', content: '1' },
      { name: 'tree/x/y', content: '1' },
    ]);
    const upper = await unpack([
      { name: '.wh.a' },
      { name: 'dir/.wh.b' },
      { name: '.wh.tree' },
      { name: 'new', content: '2' },
    ]);
    expect((await lstat(join(upper, 'a'))).isCharacterDevice()).toBe(true);
    expect((await lstat(join(upper, 'a'))).rdev).toBe(0);
    // A directory that only holds a whiteout must not change how it looks.
    expect((await lstat(join(upper, 'dir'))).mode & 0o777).toBe(0o700);
    expect(await merged()).toEqual({ dir: '/', 'dir/c': '1', new: '2' });
  });

  asRoot('opaque directories hide all of below, in every depth, whatever the order of entries', async () => {
    await unpack([
      { name: 'd/one', content: '1' },
      { name: 'd/deep/er/two', content: '1' },
      { name: 'd/file-then-dir', content: '1' },
      { name: 'other', content: '1' },
    ]);
    await unpack([{ name: 'd/three', content: '2' }, { name: 'd/.wh.one' }]);
    await unpack([
      { name: 'd/deep/new', content: '3' },
      { name: 'd/file-then-dir/in', content: '3' },
      { name: 'd/.wh..wh..opq' },
    ]);
    expect(await merged()).toEqual({
      d: '/',
      'd/deep': '/',
      'd/deep/new': '3',
      'd/file-then-dir': '/',
      'd/file-then-dir/in': '3',
      other: '1',
    });
  });

  asRoot('a directory that is deleted and made anew in one layer is opaque', async () => {
    await unpack([{ name: 'd/old', content: '1' }]);
    await unpack([{ name: '.wh.d' }, { name: 'd/', type: '5' }, { name: 'd/fresh', content: '2' }]);
    expect(await merged()).toEqual({ d: '/', 'd/fresh': '2' });
  });

  asRoot('leaves devices and fifos out', async () => {
    const root = await unpack([
      { name: 'null', type: '3' },
      { name: 'disk', type: '4' },
      { name: 'pipe', type: '6' },
      { name: 'file', content: 'x' },
    ]);
    expect(await readdir(root)).toEqual(['file']);
  });

  const outside = 'outside the layer';
  it.each<[string, readonly TarMember[]]>([
    ['..', [{ name: 'a/../../escape', content: 'x' }]],
    ['an absolute name', [{ name: '/escape', content: 'x' }]],
    [
      'a symbolic link on the way',
      [
        { name: 'd', type: '2', link: '..' },
        { name: 'd/escape', content: 'x' },
      ],
    ],
    [
      'a chain of symbolic links',
      [
        { name: 'a', type: '2', link: '/' },
        { name: 'b', type: '2', link: 'a' },
        { name: 'b/c/escape', content: 'x' },
      ],
    ],
    ['a hard link to the outside', [{ name: 'h', type: '1', link: '../secret' }]],
    [
      'a hard link through a link',
      [
        { name: 'd', type: '2', link: '..' },
        { name: 'h', type: '1', link: 'd/secret' },
      ],
    ],
    ['an absolute hard link', [{ name: 'h', type: '1', link: '/etc/passwd' }]],
    [
      'a hard link to a directory',
      [
        { name: 'd/', type: '5' },
        { name: 'h', type: '1', link: 'd' },
      ],
    ],
    ['a whiteout of ..', [{ name: '.wh...', content: '' }]],
    ['a whiteout through a link', [{ name: 'd', type: '2', link: '..' }, { name: 'd/.wh.secret' }]],
    ['an opaque marker through a link', [{ name: 'd', type: '2', link: '..' }, { name: 'd/.wh..wh..opq' }]],
    ['the root as a link', [{ name: './', type: '2', link: '..' }]],
    ['a name part that is too long', [{ name: `pre/${'x'.repeat(90)}`, type: 'S' }]],
  ])('refuses %s', async (_what, members) => {
    await writeFile(join(directory, 'secret'), outside);
    await expect(unpack(members)).rejects.toMatchObject({ name: 'ImageError', reason: 'CorruptImage' });
    expect(await readFile(join(directory, 'secret'), 'utf8')).toBe(outside);
    expect(await readdir(directory)).not.toContain('escape');
  });

  it('replaces a link by a file without writing through it', async () => {
    await writeFile(join(directory, 'secret'), outside);
    const root = await unpack([
      { name: 'f', type: '2', link: '../secret' },
      { name: 'f', content: 'inside' },
      { name: 'd', type: '2', link: '..' },
      { name: 'd/', type: '5' },
      { name: 'd/secret', content: 'inside' },
    ]);
    expect(await readFile(join(directory, 'secret'), 'utf8')).toBe(outside);
    expect(await readFile(join(root, 'f'), 'utf8')).toBe('inside');
    expect(await readFile(join(root, 'd/secret'), 'utf8')).toBe('inside');
  });

  it('stops at the bounds', async () => {
    const many = Array.from({ length: 11 }, (_, i) => ({ name: `f${i}`, content: 'x' }));
    await expect(unpack(many, { maxLayerEntries: 10 })).rejects.toThrow(/more than 10 entries/);
    await rm(join(directory, 'layer-0'), { recursive: true });
    const big = [{ name: 'big', content: Buffer.alloc(100_000) }];
    await expect(unpack(big, { maxLayerBytes: 50_000 })).rejects.toThrow(/larger than the limit of 50000 bytes/);
  });
});
