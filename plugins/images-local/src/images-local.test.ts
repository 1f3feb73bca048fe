import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import { images } from '@timonel/sdk/contracts/images';
import { pluginSuite } from '@timonel/testkit';
import { dockerArchive, imagesContract, ociArchive, writeTar } from '@timonel/testkit/contracts/images';
import { configSchema } from './config.ts';
import { ImageStore } from './image-store.ts';
import { zstdOf } from './unpack/testing/zstd-writer.ts';
import plugin, { openImageStore } from './index.ts';
import { parseLdd, sharedLibrariesOf } from './host-libraries.ts';
import { parseReference } from './reference.ts';
import { processStartTime, StoreLock } from './store-lock.ts';
import { UnpackPool } from './unpack/unpack-pool.ts';

const run = promisify(execFile);
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const env = createRealEnv();
const asRoot = process.getuid?.() === 0 ? it : it.skip;
const hostImage = 'timonel.local/node:host';

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
// Threads that run the sources take a while to begin: all tests of this file share them.
const pool = new UnpackPool(env, 2);
afterAll(() => pool.close());

imagesContract('images-local', async (registry) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonel-img-'));
  const dataDir = join(directory, 'store');
  const stores: { close(): Promise<void> }[] = [];
  const open = async () => {
    const store = await openImageStore({ dataDir, env, log, pool, registry: () => registry });
    stores.push(store);
    return store;
  };
  return {
    images: await open(),
    scratchDir: directory,
    restart: open,
    close: async () => {
      for (const store of stores) await store.close();
      const left = await readdir(join(dataDir, 'tmp'));
      const locks = (await readdir(dataDir)).filter((name) => name.startsWith('lock'));
      await rm(directory, { recursive: true, force: true });
      expect([...left, ...locks]).toEqual([]);
    },
  };
});

pluginSuite('images-local', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const image = await kernel.service(images).ensure(hostImage, 'IfNotPresent');
    if (image.config.cmd[0] !== 'node') throw new Error('not the host image');
  },
}));

describe('images-local', () => {
  let directory: string;
  let dataDir: string;
  const layer = writeTar([{ name: 'file', content: 'content' }]);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-img-'));
    dataDir = join(directory, 'store');
  });
  const stores: ImageStore[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await rm(directory, { recursive: true, force: true });
  });

  const open = async (config: unknown = {}) => {
    const store = await ImageStore.open({ dataDir, env, log, pool, config: configSchema.parse(config) });
    stores.push(store);
    return store;
  };
  const archive = async (bytes: Uint8Array): Promise<string> => {
    const path = join(directory, 'archive.tar');
    await writeFile(path, bytes);
    return path;
  };

  it('makes an image of this host whose node runs', async () => {
    const store = await open();
    expect(await store.list()).toEqual([]);
    const start = performance.now();
    const found = await Promise.all([store.find(hostImage), store.ensure(hostImage, 'Always'), store.find(hostImage)]);
    const tookMs = performance.now() - start;
    expect(new Set(found.map((image) => image?.id)).size).toBe(1);
    const [image] = found;
    expect(image?.config).toMatchObject({ entrypoint: [], cmd: ['node'] });
    expect(image?.config.env[0]).toMatch(/^PATH=.*:\/usr\/bin:/);
    const root = image?.rootfs.layers[0] ?? '';
    expect((await stat(join(root, 'tmp'))).mode & 0o7777).toBe(0o1777);
    expect(await readFile(join(root, 'etc/passwd'), 'utf8')).toMatch(/^root:x:0:0:/);
    process.stdout.write(`${hostImage}: made in ${tookMs.toFixed(0)} ms\n`);
    expect(tookMs).toBeLessThan(10_000);
  });

  asRoot('the host image needs nothing outside of itself', async () => {
    const root = (await (await open()).find(hostImage))?.rootfs.layers[0] ?? '';
    const bare = { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } };
    const node = await run('chroot', [root, '/usr/bin/node', '-p', 'require("os").userInfo().username'], bare);
    expect(node.stdout).toBe('root\n');
    expect((await run('chroot', [root, '/bin/sh', '-c', 'cat /etc/group | head -1; id -u'], bare)).stdout).toBe(
      'root:x:0:\n0\n',
    );
  });

  it('keeps the host image while the host stays, and makes it anew when a file has changed', async () => {
    const first = await (await open()).find(hostImage);
    expect((await (await open()).find(hostImage))?.id).toBe(first?.id);
    const statePath = join(dataDir, 'host-image.json');
    const state = JSON.parse(await readFile(statePath, 'utf8')) as { files: { mtimeMs: number }[] };
    for (const file of state.files.slice(0, 1)) file.mtimeMs -= 1000;
    await writeFile(statePath, JSON.stringify(state));
    expect((await (await open()).find(hostImage))?.id).toBe(first?.id);
    const again = JSON.parse(await readFile(statePath, 'utf8')) as { files: { mtimeMs: number }[] };
    expect(again.files[0]?.mtimeMs).toBe((state.files[0]?.mtimeMs ?? 0) + 1000);
  });

  it('images are usable by all users of a container, whatever the umask of this process', async () => {
    const umask = process.umask(0o077);
    try {
      const store = await open();
      const root = (await store.find(hostImage))?.rootfs.layers[0] ?? '';
      for (const name of ['.', 'usr', 'usr/bin', 'etc', 'var']) {
        expect([name, (await stat(join(root, name))).mode & 0o777]).toEqual([name, 0o755]);
      }
      expect((await stat(join(root, 'etc/passwd'))).mode & 0o777).toBe(0o644);
      const implied = writeTar([{ name: 'a/b/c', content: 'x' }]);
      const [image] = await store.importArchive(await archive(dockerArchive([{ layers: [implied] }])));
      for (const name of ['.', 'a', 'a/b']) {
        expect((await stat(join(image?.rootfs.layers[0] ?? '', name))).mode & 0o777).toBe(0o755);
      }
    } finally {
      process.umask(umask);
    }
  });

  it('does not touch the files of the host, even when the image is removed', async () => {
    const before = await stat(process.execPath);
    const store = await open();
    await store.find(hostImage);
    await store.remove(hostImage);
    const after = await stat(process.execPath);
    expect([after.mode, after.uid, after.mtimeMs, after.size]).toEqual([
      before.mode,
      before.uid,
      before.mtimeMs,
      before.size,
    ]);
  });

  it('makes no host image when it is switched off, and leaves one that was imported under its name', async () => {
    expect(await (await open({ hostImage: false })).find(hostImage)).toBeUndefined();
    const store = await open();
    const [own] = await store.importArchive(await archive(dockerArchive([{ layers: [layer] }])), hostImage);
    expect((await store.find(hostImage))?.id).toBe(own?.id);
  });

  it('sees what another process imported and removed', async () => {
    const [service, command] = [await open(), await open()];
    expect(await service.find('web:1')).toBeUndefined();
    await command.importArchive(await archive(dockerArchive([{ layers: [layer], references: ['web:1'] }])));
    expect((await service.find('web:1'))?.references).toEqual(['docker.io/library/web:1']);
    await service.remove('web:1');
    expect(await command.find('web:1')).toBeUndefined();
  });

  it('says that nothing talks to registries, and how to import an image', async () => {
    await expect((await open()).ensure('nginx', 'IfNotPresent')).rejects.toThrow(
      /not on this node.*no plugin talks to registries.*timonel image import FILE/,
    );
  });

  it('takes layers that are compressed with zstd, and refuses damaged ones', async () => {
    const store = await open();
    const [image] = await store.importArchive(
      await archive(ociArchive([{ layers: [layer] }], { layerMagic: zstdOf(layer) })),
    );
    expect(await readFile(join(image?.rootfs.layers[0] ?? '', 'file'), 'utf8')).toBe('content');
    const cut = ociArchive([{ layers: [layer] }], { layerMagic: zstdOf(layer).subarray(0, -10) });
    await expect(store.importArchive(await archive(cut))).rejects.toThrow(/zstd data was cut off/);
    // A window of 2 GiB.
    const greedy = ociArchive([{ layers: [layer] }], { layerMagic: Buffer.from('28b52ffd00a8', 'hex') });
    await expect(store.importArchive(await archive(greedy))).rejects.toThrow(/window of 2147483648 bytes/);
  });

  it('stops a decompression bomb at the bound', async () => {
    const bomb = gzipSync(writeTar([{ name: 'zeros', content: Buffer.alloc(20_000_000) }]));
    const store = await open({ limits: { maxLayerBytes: 1_000_000 } });
    const oci = ociArchive([{ layers: [layer], references: ['bomb:1'] }], { layerMagic: bomb });
    await expect(store.importArchive(await archive(oci))).rejects.toThrow(/larger than the limit of 1000000 bytes/);
    const outer = await open({ limits: { maxArchiveBytes: 1_000_000 } });
    await expect(outer.importArchive(await archive(bomb))).rejects.toThrow(/larger than the limit/);
    expect(await readdir(join(dataDir, 'layers'))).toEqual([]);
  });

  it('stops an image of many layers that are each within their bound', async () => {
    const layers = ['a', 'b', 'c'].map((name) => writeTar([{ name, content: Buffer.alloc(400_000) }]));
    const path = await archive(ociArchive([{ layers, references: ['bomb:1'] }]));
    const store = await open({ limits: { maxLayerBytes: 500_000, maxImageBytes: 1_000_000 } });
    await expect(store.importArchive(path)).rejects.toThrow(/hold 1200000 bytes unpacked, where 1000000 may be/);
    expect([await readdir(join(dataDir, 'layers')), await readdir(join(dataDir, 'tmp'))]).toEqual([[], []]);
    expect(await (await open()).importArchive(path)).toHaveLength(1);
  });

  it('refuses a damaged index, names it, and leaves it as it is', async () => {
    await mkdir(dataDir, { recursive: true });
    for (const text of ['{', '{"version":1,"images":[{"id":"x"}]}', '{"version":9,"images":[]}']) {
      await writeFile(join(dataDir, 'index.json'), text);
      await expect(open()).rejects.toThrow(/index\.json.*nothing was changed/);
      expect(await readFile(join(dataDir, 'index.json'), 'utf8')).toBe(text);
    }
  });

  it('sweeps what a killed import left, and nothing else', async () => {
    const store = await open();
    const [image] = await store.importArchive(
      await archive(dockerArchive([{ layers: [layer], references: ['web:1'] }])),
    );
    const orphan = join(dataDir, 'layers', `sha256-${'0'.repeat(64)}`);
    const dead = join(dataDir, 'tmp', '4194305-1-x');
    const reused = join(dataDir, 'tmp', `${process.pid}-1-x`);
    const alive = join(dataDir, 'tmp', `${process.pid}-${await processStartTime(process.pid)}-x`);
    for (const path of [orphan, dead, reused, alive]) await mkdir(path);
    await store.sweep();
    await expect(access(orphan)).rejects.toMatchObject({ code: 'ENOENT' });
    for (const path of [dead, reused]) await expect(access(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await access(alive);
    await access(join(image?.rootfs.layers[0] ?? '', 'file'));
  });

  it('removes what a loss of power may have cut, and keeps what is on the disk', async () => {
    const indexPath = join(dataDir, 'index.json');
    const marks = async (): Promise<unknown[]> => {
      const { images: all } = JSON.parse(await readFile(indexPath, 'utf8')) as { images: { unsettled?: string }[] };
      return all.map(({ unsettled }) => unsettled);
    };
    const store = await open();
    const web = await archive(dockerArchive([{ layers: [layer], references: ['web:1'] }]));
    await store.importArchive(web);
    await until(async () => (await marks()).join() === '');
    await store.close();
    const other = writeTar([{ name: 'other', content: 'x' }]);
    const cut = await open();
    await cut.importArchive(await archive(dockerArchive([{ layers: [layer, other], references: ['cut:1'] }])));
    await cut.close();
    // The machine went down: the mark is of another boot.
    const text = await readFile(indexPath, 'utf8');
    const index = JSON.parse(text) as { images: { references: string[]; unsettled?: string }[] };
    const marked = index.images.map((image) =>
      image.references.includes('docker.io/library/cut:1') ? { ...image, unsettled: 'another-boot 1' } : image,
    );
    await writeFile(indexPath, JSON.stringify({ ...index, images: marked }));
    const after = await open();
    await after.sweep();
    expect((await after.list()).map(({ references }) => references)).toEqual([['docker.io/library/web:1']]);
    expect(await readdir(join(dataDir, 'layers'))).toHaveLength(1);
    await after.close();
  });

  it('keeps an image that was not on the disk yet when only the process ended', async () => {
    const store = await open();
    await store.importArchive(await archive(dockerArchive([{ layers: [layer], references: ['web:1'] }])));
    await store.close();
    const again = await open();
    await again.sweep();
    expect(await again.list()).toHaveLength(1);
    await until(async () => !(await readFile(join(dataDir, 'index.json'), 'utf8')).includes('unsettled'));
    await again.close();
  });

  it('the same directory gives the same image', async () => {
    const root = join(directory, 'root');
    await mkdir(root);
    for (const name of ['b', 'a']) await writeFile(join(root, name), name);
    for (const name of ['b', 'a', '.']) await utimes(join(root, name), 1_700_000_000, 1_700_000_000);
    const store = await open();
    const one = await store.buildFromDirectory(root, 'one:1', {});
    const two = await store.buildFromDirectory(root, 'two:1', {});
    expect(two.rootfs.layers).toEqual(one.rootfs.layers);
  });
});

describe('the lock of the store', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-lock-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('lets one in at a time', async () => {
    const locks = [new StoreLock(directory, env, 10_000), new StoreLock(directory, env, 10_000)];
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((done) => setImmediate(done));
      inside--;
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => locks[i % 2]?.run(work)));
    expect(most).toBe(1);
    expect(await readdir(directory)).toEqual([]);
  });

  it('takes over from a dead process, also when its pid lives again', async () => {
    for (const holder of ['4194305 1\n', `${process.pid} 1\n`, 'rubbish']) {
      await writeFile(join(directory, 'lock'), holder);
      expect(await new StoreLock(directory, env, 2000).run(async () => 'in')).toBe('in');
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it('gives up after the bounded wait and names the holder', async () => {
    const holder = new StoreLock(directory, env, 1000);
    await holder.run(async () => {
      const other = new StoreLock(directory, env, 60);
      await expect(other.run(async () => undefined)).rejects.toThrow(new RegExp(`process ${process.pid} .*60 ms`));
    });
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('small parts', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.25', 'docker.io/library/nginx:1.25'],
    ['user/app', 'docker.io/user/app:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['timonel.local/node:host', 'timonel.local/node:host'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/a/b:t', 'localhost:5000/a/b:t'],
    ['[::1]:5000/a', '[::1]:5000/a:latest'],
    [`a@sha256:${'a'.repeat(64)}`, `docker.io/library/a@sha256:${'a'.repeat(64)}`],
    [`a:1@sha256:${'a'.repeat(64)}`, `docker.io/library/a:1@sha256:${'a'.repeat(64)}`],
  ])('the reference %s is %s', (short, full) => {
    expect(parseReference(short).full).toBe(full);
    expect(parseReference(full).full).toBe(full);
  });

  it('reads what ldd prints', () => {
    const output = `/usr/bin/sh:
\tlinux-vdso.so.1 (0x00007f93ff98f000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f93ff41e000)
\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f0)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f93ff991000)
\tstatically linked
`;
    expect(parseLdd(output)).toEqual([
      '/lib/x86_64-linux-gnu/libc.so.6',
      '/lib/ld-musl-x86_64.so.1',
      '/lib64/ld-linux-x86-64.so.2',
    ]);
    expect(() => parseLdd('\tlibx.so => not found\n')).toThrow(/libx\.so/);
  });

  it('finds the libraries of several programs, also with a static one or a script among them', async () => {
    const [one, two] = await Promise.all([sharedLibrariesOf([process.execPath]), sharedLibrariesOf(['/bin/sh'])]);
    const script = join(import.meta.dirname, 'index.ts');
    const all = await sharedLibrariesOf(['/bin/sh', script, process.execPath]);
    expect(all).toEqual([...new Set([...one, ...two])].sort());
    expect(await sharedLibrariesOf([script])).toEqual([]);
  });
});
