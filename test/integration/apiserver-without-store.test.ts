/** An API server whose store does not answer: a master of three that waits for the others, or lost them. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { StoreError } from '@timonel/sdk/contracts/store';
import { configMaps } from '@timonel/sdk/kube';
import leaderElection from '@timonel/plugin-leader-election';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { until } from '@timonel/testkit';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { startApiServer, type TestApiServer, type TestApiServerOptions } from '../support/api-server.ts';
import { UnsteadyStore, type Outage } from '../support/unsteady-store.ts';

const cm = '/api/v1/namespaces/default/configmaps';
const merge = 'application/merge-patch+json';
const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

interface Started {
  readonly store: UnsteadyStore;
  readonly server: TestApiServer;
}

async function start(outage: Outage, options: TestApiServerOptions = {}, freshnessTimeoutMs = 300): Promise<Started> {
  const memory = new MemoryStore(createRealEnv());
  running.push({ stop: () => Promise.resolve(memory.close()) });
  const store = new UnsteadyStore(memory);
  store.outage = outage;
  const server = await startApiServer({ ...options, store, apiserver: { timing: { freshnessTimeoutMs } } });
  // A server stops while its store is away, too.
  running.push(server);
  return { store, server };
}

const create = (server: TestApiServer, name: string) => server.send('POST', cm, { body: { metadata: { name } } });

function expectNoFault({ server }: Started): void {
  const faulty = server.kernel.control
    .list()
    .filter(({ state, faults }) => state !== 'running' || faults > 0)
    .map(({ name, state, faults, reason }) => ({ name, state, faults, reason }));
  expect(faulty).toEqual([]);
}

describe('a server that starts without its store', () => {
  for (const outage of ['refuses', 'hangs'] as const) {
    it(`comes up, refuses clearly, and recovers by itself (the store ${outage})`, async () => {
      const began = performance.now();
      const started = await start(outage, { plugins: [leaderElection] });
      const { store, server } = started;
      expect(performance.now() - began).toBeLessThan(15_000);
      for (const [method, path, body] of [
        ['GET', cm, undefined],
        ['GET', `${cm}/a`, undefined],
        // It may be of a kind that a definition in the store describes.
        ['GET', '/apis/example.com/v1/namespaces/default/things/a', undefined],
        ['GET', `${cm}?resourceVersion=0`, undefined],
        ['GET', `${cm}?watch=1&resourceVersion=5`, undefined],
        ['POST', cm, { metadata: { name: 'a' } }],
        ['DELETE', `${cm}/a`, undefined],
      ] as const) {
        const answer = await server.send(method, path, { body });
        expect([method, path, answer.status, answer.body.reason]).toEqual([method, path, 503, 'ServiceUnavailable']);
        expect(answer.headers['retry-after']).toBe('1');
      }
      const ready = await server.send('GET', '/readyz', { token: null });
      expect([ready.status, ready.text]).toEqual([500, expect.stringContaining('[-]store failed')]);
      for (const path of ['/healthz', '/livez']) {
        expect((await server.send('GET', path, { token: null })).status).toBe(200);
      }
      // What needs no store is served: clients find their way as usual.
      expect((await server.send('GET', '/apis')).status).toBe(200);
      expect(server.kernel.service(leadership).leading()).toBe(false);
      expectNoFault(started);

      store.outage = 'none';
      await until(async () => (await server.send('GET', '/readyz', { token: null })).status === 200, {
        what: 'readiness',
      });
      await until(async () => (await create(server, 'a')).status === 201, { what: 'a write', timeoutMs: 8_000 });
      const service = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } };
      await until(
        async () =>
          (await server.send('POST', '/api/v1/namespaces/default/services', { body: service })).status === 201,
        { what: 'an allocated service', timeoutMs: 8_000 },
      );
      const leading = (): boolean => server.kernel.service(leadership).leading();
      await until(leading, { what: 'a leader', timeoutMs: 8_000 });
      expectNoFault(started);
    }, 60_000);
  }
});

describe('a server that loses its store', () => {
  it('refuses reads but those that may be stale, and tells what became of writes', async () => {
    const started = await start('none');
    const { store, server } = started;
    await create(server, 'before');
    const watch = server.watch(`${cm}?watch=1`);
    await until(() => watch.events.some(({ object }) => object.metadata.name === 'before'), { what: 'the watch' });
    store.outage = 'refuses';
    for (const path of [cm, `${cm}/before`]) {
      const refused = await server.send('GET', path);
      expect([refused.status, refused.body.reason, refused.headers['retry-after']]).toEqual([
        503,
        'ServiceUnavailable',
        '1',
      ]);
    }
    expect((await server.send('GET', `${cm}/before?resourceVersion=0`)).body.metadata.name).toBe('before');
    expect((await server.send('GET', '/readyz', { token: null })).status).toBe(500);
    // Certainly not written: the client may send it again, and client-go does.
    const refused = await create(server, 'refused');
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    const patch = { type: merge, body: { data: { a: '1' } } };
    expect((await server.send('PATCH', `${cm}/before`, patch)).status).toBe(503);

    store.outage = 'none';
    expect((await create(server, 'after')).status).toBe(201);
    await until(() => watch.events.some(({ object }) => object.metadata.name === 'after'), {
      what: 'the watch to go on',
    });
    expect((await server.send('GET', `${cm}/refused`)).status).toBe(404);
    watch.stop();
    expectNoFault(started);
  });

  it('answers in time when the store does not, and goes on when it does', async () => {
    const { store, server } = await start('none');
    await create(server, 'before');
    store.outage = 'hangs';
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.send('GET', cm)));
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    store.outage = 'none';
    expect((await server.send('GET', cm)).status).toBe(200);
  });

  it('blames no plugin whose admission has to ask the store', async () => {
    // As long as it is by default, which is longer than a hook may take.
    const started = await start('none', {}, 3_000);
    const { store, server } = started;
    store.outage = 'hangs';
    const service = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } };
    const requests = Array.from({ length: 12 }, (_, index) => [
      server.send('POST', `/api/v1/namespaces/unknown-${index}/configmaps`, { body: { metadata: { name: 'x' } } }),
      server.send('POST', '/api/v1/namespaces/default/services', { body: service }),
    ]).flat();
    for (const answer of await Promise.all(requests)) {
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
    }
    expectNoFault(started);
    store.outage = 'none';
    await until(
      async () => (await server.send('POST', '/api/v1/namespaces/default/services', { body: service })).status === 201,
      { what: 'the service', timeoutMs: 8_000 },
    );
  }, 30_000);

  it('says that the outcome of a write is not known, once, and never sends it again', async () => {
    const { store, server } = await start('none');
    await create(server, 'counted');
    const count = async (): Promise<number> => (await store.status()).revision;
    const before = await count();
    store.losesAnswers = true;
    const created = await create(server, 'maybe');
    const patched = await server.send('PATCH', `${cm}/counted`, { type: merge, body: { data: { a: '1' } } });
    const generated = await server.send('POST', cm, { body: { metadata: { generateName: 'g-' } } });
    const deleted = await server.send('DELETE', `${cm}/counted`);
    store.losesAnswers = false;
    for (const { status, body, headers } of [created, patched, generated, deleted]) {
      expect([status, body.reason]).toEqual([504, 'Timeout']);
      expect(body.message).toContain('it may have happened');
      // client-go would send even a create again.
      expect(headers['retry-after']).toBeUndefined();
    }
    // All four were carried out, each once.
    expect(await count()).toBe(before + 4);
    expect((await server.send('GET', `${cm}/maybe`)).status).toBe(200);
    expect((await server.send('GET', `${cm}/counted`)).status).toBe(404);
  });

  it('passes the same on to plugins of its process', async () => {
    const { store, server } = await start('none');
    store.outage = 'refuses';
    await expect(server.api.list(configMaps)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    store.outage = 'none';
    store.losesAnswers = true;
    const object = { metadata: { namespace: 'default', name: 'x' } };
    const failure: unknown = await server.api.create(configMaps, object).catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: 'Timeout', cause: { code: 'UNAVAILABLE' } satisfies Partial<StoreError> });
    store.losesAnswers = false;
  });
});
