import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { createSimulatedEnv } from '@timonel/sdk';
import { writeTar } from '@timonel/testkit/contracts/images';
import { configSchema } from '../config.ts';
import { UnpackPool } from './unpack-pool.ts';

const { limits } = configSchema.parse({});
let directory: string;
let pool: UnpackPool | undefined;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-pool-'));
  await writeFile(join(directory, 'layer.tar'), writeTar([{ name: 'f', content: 'x' }]));
});
afterEach(async () => {
  // Whoever hangs gets its end.
  for (const path of pipes.splice(0)) closeSync(openSync(path, 'r+'));
  await pool?.close();
  pool = undefined;
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function layerJob(path = join(directory, 'layer.tar')) {
  const root = join(directory, `root-${++count}`);
  await mkdir(root);
  return { kind: 'layer', path, what: 'the layer', root, lower: [], limits } as const;
}

const pipes: string[] = [];

/** A file that nobody writes to: whoever reads it waits for ever. */
function silence(): string {
  const path = join(directory, `silence-${++count}`);
  execFileSync('mkfifo', [path]);
  pipes.push(path);
  return path;
}

it('does more work than it has threads, and the faults of one are not those of others', async () => {
  pool = new UnpackPool(createRealEnv(), 2);
  const jobs = await Promise.all([layerJob(), layerJob(join(directory, 'absent')), layerJob(), layerJob()]);
  const shared = pool;
  const results = await Promise.allSettled(jobs.map((job) => shared.run(job)));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: { code: 'ENOENT' } });
});

it('a thread that hangs is ended after it was told to stop, and the next work gets another', async () => {
  const env = createSimulatedEnv({ seed: 1 });
  pool = new UnpackPool(env, 1);
  // Now the thread is there, and the next job hangs.
  await pool.run(await layerJob());
  const controller = new AbortController();
  const hanging = pool.run(await layerJob(silence()), controller.signal);
  const refused = expect(hanging).rejects.toThrow(/thread that unpacked was lost/);
  controller.abort();
  await env.advance(11_000);
  await refused;
  expect((await pool.run(await layerJob())).unpackedBytes).toBe(1);
});

it('a thread that does not go on is ended by itself', async () => {
  const env = createSimulatedEnv({ seed: 1 });
  pool = new UnpackPool(env, 1);
  await pool.run(await layerJob());
  const refused = expect(pool.run(await layerJob(silence()))).rejects.toThrow(/thread that unpacked was lost/);
  await env.advance(601_000);
  await refused;
});

it('work that waits is given up at once, and all of it when the pool closes', async () => {
  pool = new UnpackPool(createRealEnv(), 1);
  const hanging = pool.run(await layerJob(silence()));
  const waiting = pool.run(await layerJob());
  const both = Promise.allSettled([hanging, waiting]);
  await pool.close();
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
