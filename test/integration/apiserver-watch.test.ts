/** Watches over HTTP and in the process. The rules of their versions are in apiserver-versions. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configMaps, type ConfigMap } from '@timonel/sdk/kube';
import type { WatchEvent } from '@timonel/sdk/contracts/api';
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
