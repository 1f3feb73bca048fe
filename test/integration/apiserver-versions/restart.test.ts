/** A server that really stops and starts again on its data, and an informer that must come to what is there, without going back. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import storeRaft from '@timonel/plugin-store-raft';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../../support/api-server.ts';
import type { InformerReport } from '../../support/client-node-informer.ts';
import { cm, itemsOf, merge, revisionOf } from './bed.ts';

const support = join(import.meta.dirname, '..', '..', 'support');
const execArgv = ['--import', join(support, 'newer-node.mjs'), '--import', 'tsx'];
let child: ChildProcess | undefined;
let server: TestApiServer | undefined;
let dataDir = '';

afterEach(async () => {
  child?.kill('SIGKILL');
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(port: number): Promise<TestApiServer> {
  server = await startApiServer({
    dataDir,
    without: ['store-memory'],
    plugins: [storeRaft],
    apiserver: { listen: { port } },
  });
  return server;
}

async function reportOf(informer: ChildProcess): Promise<InformerReport> {
  const answer = once(informer, 'message', { signal: AbortSignal.timeout(10_000) });
  informer.send('report');
  const [report] = (await answer) as [InformerReport];
  return report;
}

/** Waits until the informer holds what the server lists. */
async function converged(informer: ChildProcess, running: TestApiServer): Promise<InformerReport> {
  const listed = await running.send('GET', cm);
  const wanted = itemsOf(listed).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
  let held: readonly string[] = [];
  const report = await until(
    async () => {
      const now = await reportOf(informer);
      held = now.objects;
      return held.join() === wanted.toSorted().join() ? now : undefined;
    },
    { what: 'the informer to hold what the server lists' },
  ).catch((error: unknown) => {
    expect(held).toEqual(wanted.toSorted());
    throw error;
  });
  return report;
}

/** Makes, changes and removes; answers the newest version. */
async function change(running: TestApiServer, round: number): Promise<number> {
  const made = async (name: string): Promise<void> => {
    expect((await running.send('POST', cm, { body: { metadata: { name } } })).status).toBe(201);
  };
  for (let index = 0; index < 5; index += 1) await made(`r${round}-${index}`);
  await running.send('DELETE', `${cm}/r${round}-0`);
  // A name that lives on as another object.
  await running.send('DELETE', `${cm}/again`);
  await made('again');
  const body = { data: { round: String(round) } };
  return revisionOf(await running.send('PATCH', `${cm}/r${round}-1`, { type: merge, body }));
}

it('lines 1 and 6: an informer comes to the state of a server that starts again, and never sees the past', async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'timonel-restart-'));
  let running = await start(0);
  const port = Number(new URL(running.url).port);
  await change(running, 0);
  const informer = fork(join(support, 'client-node-informer.ts'), [running.kubeconfig], { execArgv, silent: true });
  child = informer;
  await converged(informer, running);
  for (let round = 1; round <= 3; round += 1) {
    await change(running, round);
    const removed = await running.send('DELETE', `${cm}/r${round}-2`);
    expect(removed.status).toBe(200);
    const newest = revisionOf(await running.send('GET', cm));
    const before = await reportOf(informer);
    await running.stop();
    await until(async () => (await reportOf(informer)).errors > before.errors, { what: 'the informer to notice' });
    running = await start(port);
    // Whatever version is asked for, a server that starts shows what it has acknowledged.
    expect(revisionOf(await running.send('GET', `${cm}?resourceVersion=0`))).toBeGreaterThanOrEqual(newest);
    expect((await running.send('GET', `${cm}/r${round}-2?resourceVersion=0`)).status).toBe(404);
    await change(running, round + 10);
    await converged(informer, running);
  }
  const { seen } = await converged(informer, running);
  const lastOf = new Map<string, { verb: string; version: number }>();
  for (const { verb, name, version } of seen) {
    const last = lastOf.get(name);
    const isThere = last !== undefined && last.verb !== 'delete';
    expect({ name, verb, version }).toEqual({
      name,
      version,
      verb: isThere ? expect.not.stringMatching('add') : 'add',
    });
    expect(version).toBeGreaterThanOrEqual(last?.version ?? 0);
    lastOf.set(name, { verb, version });
  }
}, 90_000);
