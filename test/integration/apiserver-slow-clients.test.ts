import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const cm = '/api/v1/namespaces/default/configmaps';
const objectBytes = 200_000;

beforeAll(async () => {
  server = await startApiServer({ apiserver: { limits: { watchQueueBytes: 4 * objectBytes } } });
});
afterAll(async () => {
  await server.stop();
});

/** A client that asks for a watch and reads nothing. */
async function silentWatch(path: string): Promise<TLSSocket> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.token}\r\n\r\n`);
  socket.pause();
  return socket;
}

describe('a watch that nobody reads', () => {
  it('is cut off at its bound, while others see everything', async () => {
    const silent = await silentWatch(`${cm}?watch=1`);
    const reader = server.watch(`${cm}?watch=1`);
    const count = 100;
    try {
      for (let index = 0; index < count; index += 1) {
        const body = { metadata: { name: `large-${index}` }, data: { text: 'x'.repeat(objectBytes) } };
        expect((await server.send('POST', cm, { body })).status).toBe(201);
      }
      await until(() => reader.events.length === count, { what: 'the reader to see all', timeoutMs: 20_000 });
      let bytes = 0;
      let ended = false;
      silent.on('data', (chunk: Buffer) => (bytes += chunk.length));
      silent.once('close', () => (ended = true));
      silent.resume();
      await until(() => ended, { what: 'the end of what was kept for the silent client', timeoutMs: 20_000 });
      expect(bytes).toBeLessThan((count * objectBytes) / 2);
    } finally {
      silent.destroy();
      reader.stop();
    }
  }, 60_000);
});

describe('versions', () => {
  it('only grow: of an object, over its deletion, and in lists', async () => {
    const versionOf = (body: { metadata: { resourceVersion: string } }): number =>
      Number(body.metadata.resourceVersion);
    const watch = server.watch(`${cm}?watch=1&fieldSelector=metadata.name%3Dagain`);
    const first = (await server.send('POST', cm, { body: { metadata: { name: 'again' } } })).body;
    // Without a version an update overwrites.
    const update = { metadata: { name: 'again' }, data: { a: 'b' } };
    const second = (await server.send('PUT', `${cm}/again`, { body: update })).body;
    await server.send('DELETE', `${cm}/again`);
    const third = (await server.send('POST', cm, { body: { metadata: { name: 'again' } } })).body;
    expect(versionOf(second)).toBeGreaterThan(versionOf(first));
    expect(versionOf(third)).toBeGreaterThan(versionOf(second));
    expect(third.metadata.uid).not.toBe(first.metadata.uid);
    await until(() => watch.events.length === 4, { what: 'four events' });
    expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'ADDED']);
    const [, changed, deleted, added] = watch.events.map(({ object }) => versionOf(object));
    expect([changed, added]).toEqual([versionOf(second), versionOf(third)]);
    // A deletion has a version of its own, and the last content.
    expect(deleted).toBeGreaterThan(versionOf(second));
    expect(deleted).toBeLessThan(versionOf(third));
    expect(watch.events[2]?.object.data).toEqual({ a: 'b' });
    const list = (await server.send('GET', cm)).body;
    for (const item of list.items) expect(versionOf(item)).toBeLessThanOrEqual(versionOf(list));
    watch.stop();
  });
});
