import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configMaps, type ConfigMap } from '@timonel/sdk/kube';
import type { WatchEvent } from '@timonel/sdk/contracts/api';
import { store } from '@timonel/sdk/contracts/store';
import { until } from '@timonel/testkit';
import { startApiServer, type HttpWatch, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const cm = '/api/v1/namespaces/default/configmaps';
const merge = 'application/merge-patch+json';

beforeAll(async () => {
  server = await startApiServer({ apiserver: { limits: { eventHistory: 40 } } });
});
afterAll(async () => {
  await server.stop();
});

function brief(watch: HttpWatch): string[] {
  return watch.events.map(({ type, object }) => `${type} ${object.metadata?.name ?? ''}`.trim());
}

async function create(name: string, labels: Record<string, string> = {}): Promise<string> {
  const { body } = await server.send('POST', cm, { body: { metadata: { name, labels } } });
  return body.metadata.resourceVersion;
}

async function listVersion(): Promise<string> {
  return (await server.send('GET', cm)).body.metadata.resourceVersion;
}

describe('watch over HTTP', () => {
  it('continues a list without gap or repetition', async () => {
    await create('before');
    const version = await listVersion();
    await create('first');
    const watch = server.watch(`${cm}?watch=1&resourceVersion=${version}`);
    await create('second');
    await server.send('PATCH', `${cm}/first`, { type: merge, body: { data: { a: 'b' } } });
    await server.send('DELETE', `${cm}/second`);
    await until(() => watch.events.length >= 4, { what: 'four events' });
    expect(brief(watch)).toEqual(['ADDED first', 'ADDED second', 'MODIFIED first', 'DELETED second']);
    const versions = watch.events.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(new Set(versions).size).toBe(4);
    watch.stop();
    await watch.ended;
  });

  it('begins with the state when no version is given', async () => {
    const watch = server.watch(`${cm}?watch=1`);
    await until(() => watch.events.length >= 2, { what: 'the state' });
    expect(watch.events.every(({ type }) => type === 'ADDED')).toBe(true);
    watch.stop();
  });

  it('sends initial events and the bookmark that ends them', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const watch = server.watch(`${cm}?${query}`);
    await until(() => watch.events.some(({ type }) => type === 'BOOKMARK'), { what: 'the bookmark' });
    const bookmark = watch.events.at(-1)?.object;
    expect(bookmark.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    expect(Number(bookmark.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(await listVersion()));
    expect(brief(watch).slice(0, -1)).toEqual(['ADDED before', 'ADDED first']);
    watch.stop();
    const wrong = await server.send('GET', `${cm}?watch=1&sendInitialEvents=true`);
    expect(wrong.body).toMatchObject({ code: 400, reason: 'BadRequest' });
  });

  it('turns leaving a selector into DELETED and entering it into ADDED', async () => {
    const version = await listVersion();
    const watch = server.watch(`${cm}?watch=1&resourceVersion=${version}&labelSelector=color%3Dred`);
    await create('paint', { color: 'blue' });
    const body = (color: string): unknown => ({ metadata: { labels: { color } } });
    await server.send('PATCH', `${cm}/paint`, { type: merge, body: body('red') });
    const left = await server.send('PATCH', `${cm}/paint`, { type: merge, body: body('green') });
    await server.send('DELETE', `${cm}/paint`);
    await create('end', { color: 'red' });
    await until(() => brief(watch).includes('ADDED end'), { what: 'the last event' });
    expect(brief(watch)).toEqual(['ADDED paint', 'DELETED paint', 'ADDED end']);
    const gone = watch.events[1]?.object;
    expect(gone.metadata.labels.color).toBe('red');
    expect(gone.metadata.resourceVersion).toBe(left.body.metadata.resourceVersion);
    watch.stop();
  });

  it('waits for a version ahead, and never sends old events', async () => {
    const ahead = Number(await listVersion()) + 2;
    const watch = server.watch(`${cm}?watch=1&resourceVersion=${ahead}`);
    await create('ahead-1');
    await create('ahead-2');
    await create('ahead-3');
    await until(() => watch.events.length > 0, { what: 'an event' });
    expect(brief(watch)).toEqual(['ADDED ahead-3']);
    watch.stop();
  });

  it('answers 410 when the history is gone', async () => {
    const version = await listVersion();
    for (let index = 0; index < 60; index += 1) await create(`history-${index}`);
    const old = await server.send('GET', `${cm}?watch=1&resourceVersion=${version}`);
    expect(old.body).toMatchObject({ code: 410, reason: 'Expired' });
  });

  it('ends after timeoutSeconds', async () => {
    const watch = server.watch(`${cm}?watch=1&timeoutSeconds=1&resourceVersion=${await listVersion()}`);
    await watch.ended;
    expect(watch.events).toEqual([]);
  });

  it('sends the events as rows of a Table', async () => {
    const answer = await server.send('GET', `${cm}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dfirst`, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    expect(JSON.parse(answer.text)).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Table', rows: [{ cells: ['first', '1', expect.anything()] }] },
    });
  });
});

describe('watch in the process', () => {
  it('sees every change of a namespace in order, and ends by its signal', async () => {
    const stop = new AbortController();
    const events: WatchEvent<ConfigMap>[] = [];
    const { metadata } = await server.api.list(configMaps, { namespace: 'default' });
    const done = (async () => {
      const options = { namespace: 'default', resourceVersion: metadata.resourceVersion ?? '', signal: stop.signal };
      for await (const event of server.api.watch(configMaps, options)) events.push(event);
    })();
    await server.api.create(configMaps, { metadata: { name: 'other', namespace: 'kube-system' } });
    for (let index = 0; index < 20; index += 1) {
      await server.api.create(configMaps, { metadata: { name: `in-${index}`, namespace: 'default' } });
    }
    await until(() => events.length >= 20, { what: 'twenty events' });
    stop.abort();
    await done;
    expect(events.map(({ object }) => object.metadata.name)).toEqual(
      Array.from({ length: 20 }, (_none, index) => `in-${index}`),
    );
    expect(events.every(({ object }) => Object.isFrozen(object))).toBe(true);
  });

  it('throws Expired for a version whose history is gone', async () => {
    const iterate = async (): Promise<void> => {
      for await (const _event of server.api.watch(configMaps, { resourceVersion: '1' })) break;
    };
    await expect(iterate()).rejects.toMatchObject({ reason: 'Expired' });
  });
});

describe('reads', () => {
  it('show every acknowledged write', async () => {
    for (let index = 0; index < 30; index += 1) {
      const name = `fresh-${index}`;
      const version = await create(name);
      const [got, listed] = await Promise.all([
        server.send('GET', `${cm}/${name}`),
        server.send('GET', `${cm}?fieldSelector=metadata.name%3D${name}`),
      ]);
      expect(got.body.metadata.resourceVersion).toBe(version);
      expect(listed.body.items).toHaveLength(1);
      expect(Number(listed.body.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(version));
    }
  });

  it('follow the rules of resourceVersion and resourceVersionMatch', async () => {
    const now = await listVersion();
    expect((await server.send('GET', `${cm}?resourceVersion=0`)).status).toBe(200);
    expect((await server.send('GET', `${cm}?resourceVersion=${now}&resourceVersionMatch=NotOlderThan`)).status).toBe(
      200,
    );
    await create('after-exact');
    const exact = await server.send('GET', `${cm}?resourceVersion=${now}&resourceVersionMatch=Exact`);
    expect(exact.body.metadata.resourceVersion).toBe(now);
    expect(exact.text).not.toContain('after-exact');
    const refused = [
      'resourceVersionMatch=Exact',
      'resourceVersion=0&resourceVersionMatch=Exact',
      'resourceVersion=x',
      `resourceVersion=${now}&resourceVersionMatch=Odd`,
    ];
    for (const query of refused) expect((await server.send('GET', `${cm}?${query}`)).body).toMatchObject({ code: 400 });
    const ahead = await server.send('GET', `${cm}?resourceVersion=${Number(now) + 1000}`);
    expect(ahead.body).toMatchObject({ code: 504, reason: 'Timeout' });
  });
});

describe('after a compaction of the store', () => {
  it('refuses to go on with old pages, and serves new ones', async () => {
    const first = await server.send('GET', `${cm}?limit=2`);
    const token = encodeURIComponent(first.body.metadata.continue);
    expect((await server.send('GET', `${cm}?limit=2&continue=${token}`)).body.items).toHaveLength(2);
    await create('after-page');
    const compacted = server.kernel.service(store);
    await compacted.compact((await compacted.status()).revision);
    const gone = await server.send('GET', `${cm}?limit=2&continue=${token}`);
    expect(gone.body).toMatchObject({ code: 410, reason: 'Expired' });
    expect((await server.send('GET', `${cm}?limit=2`)).body.items).toHaveLength(2);
    expect((await server.send('GET', `${cm}/after-page`)).status).toBe(200);
  });
});
