/**
 * Three API servers on one store: what a client may rely on when it changes from one to another at every request. The watch
 * of one server's store can be stalled, as a member that lags behind.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { startApiServer, type Answer, type HttpWatch, type TestApiServer } from '../support/api-server.ts';
import { UnsteadyStore } from '../support/unsteady-store.ts';

const cm = '/api/v1/namespaces/default/configmaps';
const merge = 'application/merge-patch+json';
const freshnessTimeoutMs = 300;

let shared: MemoryStore;
const stores: UnsteadyStore[] = [];
const servers: TestApiServer[] = [];
let sequence = 0;

const at = (index: number): TestApiServer => {
  const server = servers[index % servers.length];
  if (server === undefined) throw new Error('no server');
  return server;
};
const storeOf = (index: number): UnsteadyStore => {
  const store = stores[index];
  if (store === undefined) throw new Error('no store');
  return store;
};
const fresh = (): string => `o${(sequence += 1)}`;
const revisionOf = ({ body }: Answer): number => Number(body.metadata.resourceVersion);
const create = (server: TestApiServer, name: string, data: Record<string, string> = {}): Promise<Answer> =>
  server.send('POST', cm, { body: { metadata: { name }, data } });

const named = (watch: HttpWatch, name: string): string[] =>
  watch.events
    .filter(({ object }) => object.metadata?.name === name)
    .map(({ type, object }) => `${type} ${object.metadata.resourceVersion}`);

beforeAll(async () => {
  shared = new MemoryStore(createRealEnv());
  for (let index = 0; index < 3; index += 1) {
    const store = new UnsteadyStore(shared);
    stores.push(store);
    servers.push(await startApiServer({ store, apiserver: { timing: { freshnessTimeoutMs } } }));
  }
});
afterEach(() => {
  for (const store of stores) store.resumeWatches();
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  shared.close();
});

describe('reads without a resourceVersion', () => {
  it('show on every server what any server has acknowledged', async () => {
    for (let round = 0; round < 60; round += 1) {
      const name = fresh();
      const written = await create(at(round), name);
      const [got, listed] = await Promise.all([
        at(round + 1).send('GET', `${cm}/${name}`),
        at(round + 2).send('GET', cm),
      ]);
      expect(got.status).toBe(200);
      expect(listed.body.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toContain(name);
      expect(revisionOf(listed)).toBeGreaterThanOrEqual(revisionOf(written));
    }
  });

  it('are as fresh while the watch of the server is stalled', async () => {
    storeOf(1).stallWatches();
    const name = fresh();
    const written = await create(at(0), name, { a: '1' });
    const got = await at(1).send('GET', `${cm}/${name}`);
    expect(got.body.data).toEqual({ a: '1' });
    const listed = await at(1).send('GET', `${cm}?limit=500`);
    expect(listed.body.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toContain(name);
    for (const { metadata } of listed.body.items as { metadata: { resourceVersion: string } }[]) {
      expect(Number(metadata.resourceVersion)).toBeLessThanOrEqual(revisionOf(listed));
    }
    expect(revisionOf(listed)).toBeGreaterThanOrEqual(revisionOf(written));
    await at(2).send('DELETE', `${cm}/${name}`);
    expect((await at(1).send('GET', `${cm}/${name}`)).status).toBe(404);
    // The pages of such a list are of one revision, too.
    const first = await at(1).send('GET', `${cm}?limit=2`);
    await create(at(0), fresh());
    const second = await at(1).send('GET', `${cm}?limit=2&continue=${first.body.metadata.continue}`);
    expect(revisionOf(second)).toBe(revisionOf(first));
  });
});

describe('reads with a resourceVersion', () => {
  it('0 may show the past, and never goes back on one server', async () => {
    storeOf(1).stallWatches();
    const name = fresh();
    const written = await create(at(0), name);
    const stale = await at(1).send('GET', `${cm}?resourceVersion=0`);
    expect(revisionOf(stale)).toBeLessThan(revisionOf(written));
    storeOf(1).resumeWatches();
    const writer = { done: false };
    const writing = (async () => {
      for (let round = 0; round < 100; round += 1) {
        await at(round).send('PATCH', `${cm}/${name}`, { type: merge, body: { data: { round: String(round) } } });
        if (round % 10 === 5) storeOf(1).stallWatches();
        if (round % 10 === 9) storeOf(1).resumeWatches();
        if (round % 20 === 0) storeOf(1).breakWatches();
      }
      writer.done = true;
    })();
    let last = { revision: 0, round: -1 };
    while (!writer.done) {
      const answer = await at(1).send('GET', `${cm}?resourceVersion=0`);
      const found = (answer.body.items as { metadata: { name: string }; data?: { round?: string } }[]).find(
        (item) => item.metadata.name === name,
      );
      const now = { revision: revisionOf(answer), round: Number(found?.data?.round ?? -1) };
      expect(now.revision).toBeGreaterThanOrEqual(last.revision);
      expect(now.round).toBeGreaterThanOrEqual(last.round);
      last = now;
    }
    await writing;
  });

  it('ahead of the server waits, then is refused as too large', async () => {
    storeOf(1).stallWatches();
    const name = fresh();
    const version = (await create(at(0), name)).body.metadata.resourceVersion;
    for (const path of [`${cm}/${name}?resourceVersion=${version}`, `${cm}?resourceVersion=${version}`]) {
      const began = performance.now();
      const refused = await at(1).send('GET', path);
      expect(performance.now() - began).toBeGreaterThanOrEqual(freshnessTimeoutMs - 5);
      expect(refused.body).toMatchObject({
        code: 504,
        reason: 'Timeout',
        message: expect.stringContaining('Too large resource version'),
        details: { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 },
      });
    }
    const exact = `${cm}?resourceVersion=${version}&resourceVersionMatch=Exact`;
    expect((await at(1).send('GET', exact)).status).toBe(504);
    const waiting = at(1).send('GET', `${cm}/${name}?resourceVersion=${version}`);
    storeOf(1).resumeWatches();
    expect((await waiting).status).toBe(200);
    const settled = await at(1).send('GET', exact);
    expect(settled.status).toBe(200);
    expect(revisionOf(settled)).toBe(Number(version));
  });

  it('Exact shows precisely that state on every server, until it is compacted away', async () => {
    const name = fresh();
    const version = (await create(at(0), name, { state: 'old' })).body.metadata.resourceVersion;
    await at(1).send('PATCH', `${cm}/${name}`, { type: merge, body: { data: { state: 'new' } } });
    const path = `${cm}?resourceVersion=${version}&resourceVersionMatch=Exact&fieldSelector=metadata.name%3D${name}`;
    for (const server of servers) {
      const answer = await server.send('GET', path);
      expect(answer.body.items[0]?.data).toEqual({ state: 'old' });
      expect(revisionOf(answer)).toBe(Number(version));
    }
    await shared.compact(Number(version) + 1);
    for (const server of servers) {
      const gone = await server.send('GET', path);
      expect(gone.body).toMatchObject({ code: 410, reason: 'Expired' });
      expect(gone.body.message).not.toContain('continue');
    }
  });
});

describe('pages', () => {
  it('of one list come from any server, all of one revision, until it is compacted away', async () => {
    const prefix = fresh();
    const names = Array.from({ length: 7 }, (_, index) => `${prefix}-${index}`);
    for (const [index, name] of names.entries()) {
      await at(index).send('POST', cm, { body: { metadata: { name, labels: { of: prefix } } } });
    }
    const selector = `labelSelector=of%3D${prefix}&limit=2`;
    const seen: string[] = [];
    const revisions = new Set<number>();
    let token = '';
    for (let page = 0; page === 0 || token !== ''; page += 1) {
      const answer = await at(page).send('GET', `${cm}?${selector}${token === '' ? '' : `&continue=${token}`}`);
      seen.push(...answer.body.items.map((item: { metadata: { name: string } }) => item.metadata.name));
      revisions.add(revisionOf(answer));
      token = answer.body.metadata.continue ?? '';
      // What changes meanwhile is on no page.
      await at(page + 1).send('DELETE', `${cm}/${names[6 - page]}`);
      await create(at(page + 1), `${prefix}-${page}-late`);
    }
    expect(seen).toEqual(names);
    expect(revisions.size).toBe(1);
    const first = await at(0).send('GET', `${cm}?limit=1`);
    await create(at(1), fresh());
    await create(at(1), fresh());
    await shared.compact(revisionOf(first) + 1);
    for (const server of servers) {
      const answer = await server.send('GET', `${cm}?limit=1&continue=${first.body.metadata.continue}`);
      expect(answer.body).toMatchObject({ code: 410, reason: 'Expired' });
    }
  });
});

describe('watches', () => {
  it('go on at another server without gap or repetition', async () => {
    const name = fresh();
    const begin = revisionOf(await at(0).send('GET', cm));
    const expected: string[] = [];
    const writer = { done: false };
    const writing = (async () => {
      for (let round = 0; round < 90; round += 1) {
        const server = at(round);
        if (round % 30 === 0) expected.push(`ADDED ${revisionOf(await create(server, name))}`);
        else if (round % 30 === 29) {
          await server.send('DELETE', `${cm}/${name}`);
          expected.push('DELETED');
        } else {
          const body = { data: { round: String(round) } };
          const answer = await server.send('PATCH', `${cm}/${name}`, { type: merge, body });
          expected.push(`MODIFIED ${revisionOf(answer)}`);
        }
      }
      writer.done = true;
    })();
    const seen: string[] = [];
    let from = begin;
    for (let turn = 0; !writer.done || seen.length < expected.length; turn += 1) {
      // Each server in turn, each for a few events; one of them lags at times.
      if (turn % 4 === 1) storeOf(turn % 3).stallWatches();
      const watch = at(turn).watch(`${cm}?watch=1&resourceVersion=${from}`);
      const enough = until(() => watch.events.length >= 3, { what: 'events', timeoutMs: 400 }).catch(() => undefined);
      await enough;
      watch.stop();
      await watch.ended;
      storeOf(turn % 3).resumeWatches();
      for (const { type, object } of watch.events) {
        if (type === 'ERROR') throw new Error(JSON.stringify(object));
        from = Number(object.metadata.resourceVersion);
        if (object.metadata.name === name) seen.push(type === 'DELETED' ? type : `${type} ${from}`);
      }
    }
    await writing;
    expect(seen).toEqual(expected);
  }, 60_000);

  it('from a version ahead of the server wait, and never show what is older', async () => {
    storeOf(1).stallWatches();
    const name = fresh();
    await create(at(0), name);
    const second = await at(2).send('PATCH', `${cm}/${name}`, { type: merge, body: { data: { a: '2' } } });
    const watch = at(1).watch(`${cm}?watch=1&resourceVersion=${revisionOf(second)}`);
    const third = await at(0).send('PATCH', `${cm}/${name}`, { type: merge, body: { data: { a: '3' } } });
    storeOf(1).resumeWatches();
    await until(() => named(watch, name).length > 0, { what: 'the event' });
    expect(named(watch, name)).toEqual([`MODIFIED ${revisionOf(third)}`]);
    watch.stop();
  });

  it('bring bookmarks that no older change follows', async () => {
    const name = fresh();
    const begin = revisionOf(await create(at(0), name));
    const path = `${cm}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=${begin}&allowWatchBookmarks=true`;
    const watches = servers.map((server) => server.watch(path));
    for (let round = 0; round < 30; round += 1) {
      await at(round).send('PATCH', `${cm}/${name}`, { type: merge, body: { data: { round: String(round) } } });
    }
    for (const watch of watches) {
      await until(() => named(watch, name).length >= 31, { what: 'the events' });
      const mark = watch.events.findIndex(({ type }) => type === 'BOOKMARK');
      const revision = Number(watch.events[mark]?.object.metadata.resourceVersion);
      expect(revision).toBeGreaterThanOrEqual(begin);
      for (const { object } of watch.events.slice(mark + 1)) {
        expect(Number(object.metadata.resourceVersion)).toBeGreaterThan(revision);
      }
      watch.stop();
    }
  });
});

describe('writes', () => {
  it('let exactly one of several creates of a name win', async () => {
    for (let round = 0; round < 25; round += 1) {
      const name = fresh();
      const answers = await Promise.all(servers.map((server, index) => create(server, name, { by: String(index) })));
      const statuses = answers.map(({ status }) => status);
      expect([...statuses].sort((a, b) => a - b)).toEqual([201, 409, 409]);
      const got = await at(round).send('GET', `${cm}/${name}`);
      expect(got.body.data.by).toBe(String(statuses.indexOf(201)));
    }
  });

  it('lose no update of concurrent patchers, even by a server that lags', async () => {
    storeOf(2).stallWatches();
    const name = fresh();
    await create(at(0), name);
    const patchers = Array.from({ length: 12 }, async (_, patcher) => {
      for (let round = 0; round < 10; round += 1) {
        const body = { data: { [`p${patcher}-${round}`]: 'x' } };
        const path = `${cm}/${name}`;
        await until(async () => (await at(patcher + round).send('PATCH', path, { type: merge, body })).status === 200, {
          what: 'a patch',
          intervalMs: 1,
        });
      }
    });
    await Promise.all(patchers);
    const got = await at(0).send('GET', `${cm}/${name}`);
    expect(Object.keys(got.body.data)).toHaveLength(120);
  }, 60_000);

  it('count right when each reads, adds and writes with the version it read', async () => {
    const name = fresh();
    await create(at(0), name, { count: '0' });
    const path = `${cm}/${name}`;
    const add = async (index: number): Promise<boolean> => {
      const { body } = await at(index).send('GET', path);
      body.data.count = String(Number(body.data.count) + 1);
      return (await at(index + 1).send('PUT', path, { body })).status === 200;
    };
    const adders = Array.from({ length: 6 }, async (_, adder) => {
      for (let round = 0; round < 10; round += 1) {
        await until(() => add(adder + round), { what: 'an addition', intervalMs: 1, timeoutMs: 25_000 });
      }
    });
    await Promise.all(adders);
    expect((await at(2).send('GET', path)).body.data.count).toBe('60');
  }, 60_000);

  it('with a stale version or uid change nothing, whichever server lags', async () => {
    const name = fresh();
    const path = `${cm}/${name}`;
    const old = (await create(at(0), name, { a: 'old' })).body;
    await at(1).send('GET', path);
    storeOf(1).stallWatches();
    const now = (await at(0).send('PATCH', path, { type: merge, body: { data: { a: 'new' } } })).body;
    for (const server of servers) {
      expect((await server.send('PUT', path, { body: { ...old, data: { a: 'lost' } } })).status).toBe(409);
      const preconditions = { resourceVersion: old.metadata.resourceVersion };
      expect((await server.send('DELETE', path, { body: { preconditions } })).status).toBe(409);
      const others = { uid: '00000000-0000-4000-8000-000000000000' };
      expect((await server.send('DELETE', path, { body: { preconditions: others } })).status).toBe(409);
    }
    expect((await at(2).send('GET', path)).body).toEqual(now);
    // Without a version it is overwritten, by the server that lags, too.
    const { resourceVersion: _, ...metadata } = old.metadata;
    const replaced = await at(1).send('PUT', path, { body: { ...old, metadata, data: { a: 'newest' } } });
    expect(replaced.status).toBe(200);
    expect((await at(0).send('GET', path)).body.data).toEqual({ a: 'newest' });
  });

  it('that change nothing raise no version and make no event', async () => {
    const name = fresh();
    const path = `${cm}/${name}`;
    const made = (await create(at(0), name, { a: '1' })).body;
    const watches = servers.map((server) =>
      server.watch(`${cm}?watch=1&resourceVersion=${revisionOf({ body: made } as Answer)}`),
    );
    for (const server of servers) {
      const patched = await server.send('PATCH', path, { type: merge, body: { data: { a: '1' } } });
      expect(patched.body.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
      const put = await server.send('PUT', path, { body: made });
      expect(put.body.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    }
    const marker = fresh();
    await create(at(1), marker);
    for (const watch of watches) {
      await until(() => named(watch, marker).length > 0, { what: 'the marker' });
      expect(named(watch, name)).toEqual([]);
      watch.stop();
    }
  });

  it('give a re-created object a new uid and a greater version', async () => {
    let before = { uid: '', revision: 0 };
    const name = fresh();
    for (let round = 0; round < 9; round += 1) {
      const answer = await create(at(round), name);
      const { uid } = answer.body.metadata;
      expect(uid).not.toBe(before.uid);
      expect(revisionOf(answer)).toBeGreaterThan(before.revision);
      before = { uid, revision: revisionOf(answer) };
      const listed = await at(round + 1).send('GET', cm);
      for (const { metadata } of listed.body.items as { metadata: { resourceVersion: string } }[]) {
        expect(Number(metadata.resourceVersion)).toBeLessThanOrEqual(revisionOf(listed));
      }
      expect((await at(round + 2).send('DELETE', `${cm}/${name}`)).status).toBe(200);
    }
  });
});
