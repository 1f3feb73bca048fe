/** Events go by themselves; an event that is written again stays longer. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { startApiServer, type HttpWatch, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
let watch: HttpWatch | undefined;
const events = '/api/v1/namespaces/default/events';
const involvedObject = { kind: 'Pod', namespace: 'default', name: 'p' };

beforeAll(async () => {
  server = await startApiServer({ apiserver: { timing: { eventTtlMs: 1500 } } });
});
afterAll(async () => {
  watch?.stop();
  await server.stop();
});

it('expire, in both of their groups, and watchers hear of it', async () => {
  watch = server.watch(`${events}?watch=1&resourceVersion=0`);
  const seen = (type: string): string[] =>
    (watch?.events ?? []).filter((event) => event.type === type).map(({ object }) => object.metadata.name as string);
  for (const name of ['short', 'long'])
    expect((await server.send('POST', events, { body: { metadata: { name }, involvedObject } })).status).toBe(201);
  const map = '/api/v1/namespaces/default/configmaps';
  await server.send('POST', map, { body: { metadata: { name: 'stays' } } });
  const type = 'application/merge-patch+json';
  let count = 1;
  await until(
    async () => {
      count += 1;
      await server.send('PATCH', `${events}/long`, { type, body: { count } });
      return seen('DELETED').includes('short');
    },
    { what: 'the event that nobody writes again to go', timeoutMs: 20_000 },
  );
  expect(seen('DELETED')).toEqual(['short']);
  expect((await server.send('GET', `${events}/short`)).status).toBe(404);
  expect((await server.send('GET', '/apis/events.k8s.io/v1/namespaces/default/events/long')).status).toBe(200);
  await until(() => seen('DELETED').includes('long'), { what: 'the other event to go', timeoutMs: 20_000 });
  expect((await server.send('GET', `${map}/stays`)).status).toBe(200);
});
