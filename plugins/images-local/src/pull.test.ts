/** Pulls on a full disk, and many at once beside what removes images. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeEach, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import { FakeRegistry, writeTar } from '@timonel/testkit/contracts/images';
import { configSchema } from './config.ts';
import { ImageStore } from './image-store.ts';
import { UnpackPool } from './unpack/unpack-pool.ts';

const run = promisify(execFile);
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const env = createRealEnv();
const pool = new UnpackPool(env, 2);
afterAll(() => pool.close());

let directory: string;
let registry: FakeRegistry;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-img-pull-'));
  registry = new FakeRegistry();
});
const stores: ImageStore[] = [];
const close = async (): Promise<void> => {
  for (const store of stores.splice(0)) await store.close();
};
afterEach(async () => {
  await close();
  await rm(directory, { recursive: true, force: true });
});

async function open(dataDir = directory, settings: object = {}): Promise<ImageStore> {
  const config = configSchema.parse(settings);
  const store = await ImageStore.open({ dataDir, env, log, pool, config, registry: () => registry });
  stores.push(store);
  return store;
}

/** Whether mounts can be made here. */
const asRoot = process.getuid?.() === 0 ? it : it.skip;

asRoot('a full disk fails the pull, says how to make room, and leaves nothing', async () => {
  const dataDir = join(directory, 'small');
  await mkdir(dataDir);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dataDir]);
  try {
    // A few kB on the way, 30 MB unpacked; and one that has no room even as it comes.
    registry.add('zeros:1', { layers: [writeTar([{ name: 'zeros', content: Buffer.alloc(30_000_000) }])] });
    const noise = Buffer.from(env.random.bytes(6_000_000));
    registry.add('noise:1', { layers: [writeTar([{ name: 'noise', content: noise }])] });
    const store = await open(dataDir);
    for (const name of ['zeros', 'noise']) {
      const attempt = store.ensure(`registry.example/${name}:1`, 'IfNotPresent');
      await expect(attempt).rejects.toMatchObject({ reason: 'ErrImagePull' });
      await expect(attempt).rejects.toThrow(/make room: timonel image prune/);
    }
    for (const name of ['tmp', 'layers', 'blobs/sha256', 'partial']) {
      expect([name, await readdir(join(dataDir, name))]).toEqual([name, []]);
    }
    registry.add('fits:1', { layers: [writeTar([{ name: 'f', content: 'x' }])] });
    expect((await store.ensure('registry.example/fits:1', 'IfNotPresent')).pulled).toBeDefined();
  } finally {
    await close();
    await run('umount', [dataDir]);
  }
});

it('a pull of many layers that are each within their bound is stopped, and leaves no layer', async () => {
  const layers = ['a', 'b', 'c'].map((name) => writeTar([{ name, content: Buffer.alloc(400_000) }]));
  registry.add('bomb:1', { layers });
  const store = await open(directory, { limits: { maxLayerBytes: 500_000, maxImageBytes: 1_000_000 } });
  const attempt = store.ensure('registry.example/bomb:1', 'IfNotPresent');
  await expect(attempt).rejects.toThrow(/hold 1200000 bytes unpacked, where 1000000 may be/);
  for (const name of ['tmp', 'layers']) expect([name, await readdir(join(directory, name))]).toEqual([name, []]);
});

it('images that share layers are pulled, pruned and removed at the same time, and each is whole or not there', async () => {
  const shared = writeTar([{ name: 'shared', content: 's'.repeat(1000) }]);
  const numbers = Array.from({ length: 8 }, (_, i) => i);
  for (const i of numbers) {
    registry.add(`app:${i}`, { layers: [shared, writeTar([{ name: 'own', content: `own ${i}` }])] });
  }
  const [one, two] = [await open(), await open()];
  const nameOf = (i: number): string => `registry.example/app:${i}`;
  const rounds = [one, two, one].map(async (store, round) => {
    for (const i of numbers) {
      await store.ensure(nameOf((i + round * 3) % numbers.length), 'IfNotPresent');
      if (i % 3 === round) await store.prune({ all: true, inUse: [] });
      if (i % 4 === round) await store.remove(nameOf(i));
    }
  });
  await Promise.all(rounds);
  await Promise.all(numbers.map((i) => one.ensure(nameOf(i), 'IfNotPresent')));
  for (const i of numbers) {
    const layers = (await two.find(nameOf(i)))?.rootfs.layers ?? [];
    expect(await readFile(join(layers[0] ?? '', 'own'), 'utf8')).toBe(`own ${i}`);
    expect(await readFile(join(layers[1] ?? '', 'shared'), 'utf8')).toHaveLength(1000);
  }
  expect(await readdir(join(directory, 'layers'))).toHaveLength(numbers.length + 1);
  await one.prune({ all: true, inUse: [] });
  for (const name of ['tmp', 'layers', 'blobs/sha256']) expect(await readdir(join(directory, name))).toEqual([]);
});
