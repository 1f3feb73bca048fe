import { execFile } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { paxRecords, writeTar, type TarMember } from '@timonel/testkit/contracts/images';
import { configSchema, type Limits } from '../config.ts';
import { LayerTree } from './layer-tree.ts';
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
    ['a sparse file of GNU', [{ name: 'holes', type: 'S' }]],
    [
      'a sparse file of pax',
      [
        { name: 'h', type: 'x', content: paxRecords({ 'GNU.sparse.major': '1', 'GNU.sparse.name': 'holes' }) },
        { name: 'GNUSparseFile.0/holes', content: 'x' },
      ],
    ],
    ['a kind that nobody knows', [{ name: 'label', type: 'V' }]],
    [
      'a name part that is too long',
      [
        { name: 'h', type: 'x', content: paxRecords({ path: `pre/${'x'.repeat(256)}` }) },
        { name: 'x', content: '' },
      ],
    ],
    [
      'a name that is too long',
      [
        { name: 'h', type: 'L', content: 'x/'.repeat(3000) },
        { name: 'x', content: '' },
      ],
    ],
    [
      'an absolute name behind a long header',
      [
        { name: 'h', type: 'x', content: paxRecords({ path: '/escape' }) },
        { name: 'x', content: 'x' },
      ],
    ],
    [
      'a long link out of the root',
      [
        { name: 'h', type: 'K', content: '../secret' },
        { name: 'h', type: '1', link: 'x' },
      ],
    ],
    ['a name with a zero byte', [{ name: 'h', type: 'x', content: paxRecords({ path: 'a\0b' }) }, { name: 'x' }]],
    ['an owner beyond all ids', [{ name: 'h', type: 'x', content: paxRecords({ uid: '4294967295' }) }, { name: 'x' }]],
    ['an owner that is no number', [{ name: 'h', type: 'x', content: paxRecords({ uid: '-1' }) }, { name: 'x' }]],
    ['a damaged extended header', [{ name: 'h', type: 'x', content: '99 path=x\n' }, { name: 'x' }]],
    ['an extended header without end', [{ name: 'h', type: 'x', claimedBytes: 8 ** 11 - 1 }]],
    ['a long name without end', [{ name: 'h', type: 'L', claimedBytes: 8 ** 11 - 1 }]],
    [
      'a directory that became a link',
      [
        { name: 'd/', type: '5' },
        { name: 'd/in', content: 'x' },
        { name: 'd', type: '2', link: '..' },
        { name: 'd/escape', content: 'x' },
      ],
    ],
    [
      'a hard link to a link out of the root, and a file through it',
      [
        { name: 'l', type: '2', link: '..' },
        { name: 'h', type: '1', link: 'l' },
        { name: 'h/escape', content: 'x' },
      ],
    ],
    [
      'too many extended attributes',
      [
        {
          name: 'h',
          type: 'x',
          content: paxRecords(
            Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`SCHILY.xattr.user.${i}`, 'x'])),
          ),
        },
        { name: 'x', content: 'x' },
      ],
    ],
    [
      'extended attributes that are too large',
      [{ name: 'h', type: 'x', content: paxRecords({ 'SCHILY.xattr.user.a': 'x'.repeat(70_000) }) }, { name: 'x' }],
    ],
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

  it('gives attributes to no directory that a link has replaced', async () => {
    await mkdir(join(directory, 'sub'));
    const before = await lstat(join(directory, 'sub'));
    const root = await unpack([
      { name: 'a/', type: '5', mode: 0o700 },
      { name: 'a/sub/', type: '5', mode: 0o711, mtime: 1 },
      { name: 'a', type: '2', link: '..' },
    ]);
    expect(await readlink(join(root, 'a'))).toBe('..');
    const after = await lstat(join(directory, 'sub'));
    expect([after.mode, after.mtimeMs, after.uid]).toEqual([before.mode, before.mtimeMs, before.uid]);
  });

  it('gives a directory that is not named the attributes of the layers below, and none of what their links lead to', async () => {
    await mkdir(join(directory, 'host/sub'), { recursive: true, mode: 0o700 });
    await unpack([
      { name: 'd/', type: '5' },
      { name: 'd/sub/', type: '5', mode: 0o711, mtime: 1 },
      { name: 'l', type: '2', link: '../host' },
    ]);
    const root = await unpack([
      { name: 'd/sub/new', content: 'x' },
      { name: 'l/sub/new', content: 'x' },
    ]);
    const named = await lstat(join(root, 'd/sub'));
    expect([named.mode & 0o777, named.mtimeMs]).toEqual([0o711, 1000]);
    expect((await lstat(join(root, 'l/sub'))).mode & 0o777).toBe(0o755);
  });

  it('replaces a directory by a file, and makes it anew', async () => {
    const root = await unpack([
      { name: 'd/deep/old', content: '1' },
      { name: 'd', content: 'a file' },
      { name: 'd/', type: '5' },
      { name: 'd/deep/new', content: '2' },
    ]);
    expect(await readdir(join(root, 'd/deep'))).toEqual(['new']);
  });

  it('takes a tar that ends with the last byte of its last file', async () => {
    const bytes = writeTar([{ name: 'f', content: 'last' }]).subarray(0, 512 + 4);
    await mkdir(join(directory, 'root'));
    await writeFile(join(directory, 'bare.tar'), bytes);
    const file = { path: join(directory, 'bare.tar'), what: 'the layer', maxBytes: 1e6 };
    await unpackLayer((visitor) => readTarFile(file, visitor), join(directory, 'root'), [], limits);
    expect(await readFile(join(directory, 'root/f'), 'utf8')).toBe('last');
  });

  it('reads long names and times, sizes and owners of extended headers', async () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(200)}`;
    const root = await unpack([
      { name: 'g', type: 'g', content: paxRecords({ comment: 'of all' }) },
      { name: 'h', type: 'x', content: paxRecords({ path: long, mtime: '1600000000.5', uid: '70000', size: '3' }) },
      { name: 'short', content: 'abc', claimedBytes: 0 },
      { name: 'h', type: 'L', content: `${'g'.repeat(150)}\0` },
      { name: 'short', content: 'gnu' },
      { name: 'old/', type: '0' },
    ]);
    const file = await lstat(join(root, long));
    expect([file.size, file.mtimeMs]).toEqual([3, 1_600_000_000_500]);
    if (isRoot) expect(file.uid).toBe(70_000);
    expect(await readFile(join(root, 'g'.repeat(150)), 'utf8')).toBe('gnu');
    expect((await lstat(join(root, 'old'))).isDirectory()).toBe(true);
  });

  asRoot('keeps file capabilities and attributes of users, and none that speak to the host', async () => {
    // CAP_NET_RAW, permitted and effective.
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const attributes = paxRecords({
      'SCHILY.xattr.security.capability': capability,
      'SCHILY.xattr.user.note': 'kept',
      'SCHILY.xattr.user.overlay.opaque': 'y',
      'SCHILY.xattr.trusted.overlay.redirect': '/etc',
      'SCHILY.xattr.security.selinux': 'x',
      uid: '12',
      mtime: '1600000000',
    });
    const root = await unpack([
      { name: 'h', type: 'x', content: attributes },
      { name: 'bin/ping', content: 'ping', mode: 0o755 },
      { name: 'bin/same', type: '1', link: 'bin/ping' },
    ]);
    const tarred = await run('tar', ['--xattrs', '--xattrs-include=*', '--format=pax', '-cC', root, 'bin/ping'], {
      encoding: 'latin1',
    });
    const kept = [...tarred.stdout.matchAll(/SCHILY\.xattr\.([\w.]+)=/g)].map(([, name]) => name);
    expect(new Set(kept)).toEqual(new Set(['security.capability', 'user.note']));
    expect(tarred.stdout).toContain(capability.toString('latin1'));
    const ping = await lstat(join(root, 'bin/ping'));
    expect([ping.mode & 0o7777, ping.uid, ping.mtimeMs, ping.nlink]).toEqual([0o755, 12, 1_600_000_000_000, 2]);
    expect(await readFile(join(root, 'bin/ping'), 'utf8')).toBe('ping');
    expect(await readdir(directory)).toEqual(['layer-0', 'layer-0.tar']);
  });

  asRoot('leaves nothing beside the layer when one with attributes breaks off', async () => {
    const note = { name: 'h', type: 'x', content: paxRecords({ 'SCHILY.xattr.user.note': 'x' }) } as const;
    const cut = writeTar([note, { name: 'f', content: Buffer.alloc(5000) }]).subarray(0, 4000);
    await mkdir(join(directory, 'root'));
    await writeFile(join(directory, 'cut.tar'), cut);
    const file = { path: join(directory, 'cut.tar'), what: 'the layer', maxBytes: 1e6 };
    const attempt = unpackLayer((visitor) => readTarFile(file, visitor), join(directory, 'root'), [], limits);
    await expect(attempt).rejects.toThrow(/the layer: .*cut off/);
    expect((await readdir(directory)).sort()).toEqual(['cut.tar', 'root']);
  });

  it('a layer that replaces directories over and over is given up', () => {
    const tree = new LayerTree(directory, [], 50);
    const attributes = { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    const replace = (): void => {
      for (let i = 0; i < 20; i++) {
        tree.addDirectory('a/b/c', attributes);
        tree.closeFile(tree.openFile('a', attributes));
        tree.addDirectory('a', attributes);
      }
    };
    expect(replace).toThrow(/replaces directories too often/);
  });

  it('stops at the bounds', async () => {
    const many = Array.from({ length: 11 }, (_, i) => ({ name: `f${i}`, content: 'x' }));
    await expect(unpack(many, { maxLayerEntries: 10 })).rejects.toThrow(/more than 10 entries/);
    await rm(join(directory, 'layer-0'), { recursive: true });
    const big = [{ name: 'big', content: Buffer.alloc(100_000) }];
    await expect(unpack(big, { maxLayerBytes: 50_000 })).rejects.toThrow(/larger than the limit of 50000 bytes/);
  });
});
