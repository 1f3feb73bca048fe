/** A pull that is killed: the next start finds an image or none, and nothing else but parts of layers that it goes on with. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import { crashReference, crashRegistry } from '../test/crash-image.ts';
import { configSchema } from './config.ts';
import { ImageStore } from './image-store.ts';
import { UnpackPool } from './unpack/unpack-pool.ts';

const program = join(import.meta.dirname, '..', 'test', 'crash-puller.ts');
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const env = createRealEnv();
const pool = new UnpackPool(env, 1);
afterAll(() => pool.close());

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-img-crash-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function pull(...point: readonly string[]): Promise<string | null> {
  const args = ['--conditions', 'timonel-source', '--import', 'tsx', program, directory, ...point];
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, args, (error, _stdout, stderr) => {
      if (child.signalCode !== null || error === null) resolve(child.signalCode);
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

const names = (...path: string[]): Promise<string[]> => readdir(join(directory, ...path));

it.each([
  ['resolving', ['call', '1']],
  ['the first layers come', ['piece', '6']],
  ['the last layer comes', ['piece', '12']],
  ['the image is put in place', ['state', '14']],
])('a pull that is killed while %s leaves nothing that is not used', async (_what, point) => {
  expect(await pull(...point)).toBe('SIGKILL');
  const registry = crashRegistry();
  const config = configSchema.parse({});
  const store = await ImageStore.open({ dataDir: directory, env, log, pool, config, registry: () => registry });
  await store.sweep();
  expect(await names('tmp')).toEqual([]);
  expect((await names()).filter((name) => name.startsWith('lock') || name.endsWith('.new'))).toEqual([]);
  const isThere = (await store.list()).length === 1;
  expect(await names('layers')).toHaveLength(isThere ? 3 : 0);
  expect(await names('blobs', 'sha256')).toHaveLength(isThere ? 5 : 0);
  const partial = await names('partial');
  if (point[0] === 'piece') expect(partial).not.toEqual([]);
  for (const name of partial) expect([...registry.blobs.keys()]).toContain(`sha256:${name}`);
  const image = await store.ensure(crashReference, 'IfNotPresent');
  expect(image.rootfs.layers).toHaveLength(3);
  // What was there of a layer was not fetched again.
  for (const name of partial) expect(registry.calls).not.toContain(`blob sha256:${name} from 0`);
  expect(await names('partial')).toEqual([]);
  expect(await names('blobs', 'sha256')).toHaveLength(5);
  await store.close();
});
