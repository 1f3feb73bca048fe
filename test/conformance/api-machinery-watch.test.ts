/** Reads of many objects: in pages, as Tables, and as they change. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { store } from '@timonel/sdk/contracts/store';
import { startApiServer, type Answer, type HttpWatch, type TestApiServer } from '../support/api-server.ts';
import { until } from '../support/until.ts';

let server: TestApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server.stop());

const merge = 'application/merge-patch+json';
/** The config maps of a namespace of the test's own. */
async function mapsOf(namespace: string): Promise<string> {
  await server.send('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  return `/api/v1/namespaces/${namespace}/configmaps`;
}
const make = async (path: string, name: string, labels: object = {}): Promise<Answer['body']> =>
  (await server.send('POST', path, { body: { metadata: { name, labels } } })).body;
const change = async (path: string, name: string, body: object): Promise<Answer['body']> =>
  (await server.send('PATCH', `${path}/${name}`, { type: merge, body })).body;
const remove = (path: string, name: string): Promise<Answer> => server.send('DELETE', `${path}/${name}`);

const seen = ({ events }: HttpWatch): string[] => events.map(({ type, object }) => `${type} ${object.metadata.name}`);
async function sees(watch: HttpWatch, expected: readonly string[]): Promise<void> {
  await until(() => watch.events.length >= expected.length, {
    what: () => `${expected.join()}, not ${seen(watch).join()}`,
  });
  expect(seen(watch)).toEqual(expected);
}

describe('api-machinery: list chunking', () => {
  const names = Array.from({ length: 25 }, (_, index) => `m${String(index).padStart(2, '0')}`);
  const namesIn = ({ body }: Answer): string[] =>
    body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  const page = (path: string, token = ''): Promise<Answer> =>
    server.send('GET', `${path}?limit=10${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`);

  it('gives pages of one resourceVersion, and how many are left', async () => {
    const path = await mapsOf('pages');
    for (const name of names) await make(path, name);
    const first = await page(path);
    await make(path, 'a-late-one');
    await remove(path, 'm24');
    const pages = [first];
    for (let { metadata } = first.body; metadata.continue;) {
      const next = await page(path, metadata.continue);
      pages.push(next);
      metadata = next.body.metadata;
    }
    const inNamespace = (all: string[]): string[] => all.filter((name) => name !== 'kube-root-ca.crt');
    expect(inNamespace(pages.flatMap(namesIn))).toEqual(names);
    expect(new Set(pages.map(({ body }) => body.metadata.resourceVersion)).size).toBe(1);
    expect(pages.map(({ body }) => body.metadata.remainingItemCount)).toEqual([15, 5, undefined]);
  });

  it('goes on after a compaction by a token that says it is not consistent', async () => {
    const path = await mapsOf('compacted');
    for (const name of names) await make(path, name);
    const first = await page(path);
    await make(path, 'n-later');
    const versions = server.kernel.service(store);
    await versions.compact(await versions.barrier());
    const token = String(first.body.metadata.continue);
    const expired = await until(
      async () => {
        const answer = await page(path, token);
        return answer.status === 410 ? answer : undefined;
      },
      { what: 'the token to expire' },
    );
    expect(expired.body).toMatchObject({ reason: 'Expired', metadata: { continue: expect.any(String) } });
    const rest = await server.send(
      'GET',
      `${path}?continue=${encodeURIComponent(expired.body.metadata.continue as string)}`,
    );
    expect(namesIn(rest)).toEqual([...names.slice(10), 'n-later']);
    expect(rest.body.metadata.resourceVersion).not.toBe(first.body.metadata.resourceVersion);
  });
});

describe('api-machinery: watches', () => {
  it('show to each who watches what the label selector selects', async () => {
    const path = await mapsOf('selected');
    const [a, b, both] = ['set=a', 'set=b', 'set in (a,b)'].map((selector) =>
      server.watch(`${path}?watch=1&labelSelector=${encodeURIComponent(selector)}`),
    ) as [HttpWatch, HttpWatch, HttpWatch];
    await make(path, 'one', { set: 'a' });
    await change(path, 'one', { data: { n: '1' } });
    await make(path, 'two', { set: 'b' });
    await remove(path, 'one');
    await remove(path, 'two');
    await sees(a, ['ADDED one', 'MODIFIED one', 'DELETED one']);
    await sees(b, ['ADDED two', 'DELETED two']);
    await sees(both, ['ADDED one', 'MODIFIED one', 'ADDED two', 'DELETED one', 'DELETED two']);
    for (const watch of [a, b, both]) watch.stop();
  });

  it('begin after the resourceVersion that they name', async () => {
    const path = await mapsOf('begun');
    await make(path, 'one');
    const first = await change(path, 'one', { data: { n: '1' } });
    await change(path, 'one', { data: { n: '2' } });
    await remove(path, 'one');
    const watch = server.watch(`${path}?watch=1&resourceVersion=${first.metadata.resourceVersion}`);
    await sees(watch, ['MODIFIED one', 'DELETED one']);
    expect(watch.events[0]?.object.data).toEqual({ n: '2' });
    watch.stop();
  });

  it('go on where they were cut, with what came meanwhile', async () => {
    const path = await mapsOf('cut');
    const before = server.watch(`${path}?watch=1&labelSelector=test`);
    await make(path, 'one', { test: 'cut' });
    await sees(before, ['ADDED one']);
    before.stop();
    await before.ended;
    const last = before.events.at(-1)?.object.metadata.resourceVersion as string;
    await change(path, 'one', { data: { n: '1' } });
    await remove(path, 'one');
    const after = server.watch(`${path}?watch=1&labelSelector=test&resourceVersion=${last}`);
    await sees(after, ['MODIFIED one', 'DELETED one']);
    after.stop();
  });

  it('show what leaves the selector as DELETED, and what returns as ADDED', async () => {
    const path = await mapsOf('leaving');
    const watch = server.watch(`${path}?watch=1&labelSelector=in%3Dyes`);
    await make(path, 'one', { in: 'yes' });
    await change(path, 'one', { metadata: { labels: { in: 'no' } }, data: { n: '1' } });
    await change(path, 'one', { data: { n: '2' } });
    await change(path, 'one', { metadata: { labels: { in: 'yes' } } });
    await change(path, 'one', { data: { n: '3' } });
    await remove(path, 'one');
    await sees(watch, ['ADDED one', 'DELETED one', 'ADDED one', 'MODIFIED one', 'DELETED one']);
    expect(watch.events[2]?.object.data).toEqual({ n: '2' });
    watch.stop();
  });

  it('see the same events in the same order, from whichever version they begin', async () => {
    const path = await mapsOf('ordered');
    const first = await make(path, 'w0');
    const versions = [first.metadata.resourceVersion as string];
    const write = async (writer: number): Promise<void> => {
      for (let round = 0; round < 10; round += 1) {
        const name = `w${writer}-${round % 3}`;
        const { metadata } = await make(path, name);
        if (metadata?.resourceVersion !== undefined) versions.push(metadata.resourceVersion as string);
        await change(path, name, { data: { round: String(round) } });
        if (round % 2 === 0) await remove(path, name);
      }
    };
    const early = server.watch(`${path}?watch=1&resourceVersion=${versions[0]}`);
    await Promise.all([1, 2, 3].map(write));
    const last = await make(path, 'last');
    const watches = [early, ...versions.map((from) => server.watch(`${path}?watch=1&resourceVersion=${from}`))];
    const textOf = ({ events }: HttpWatch): string[] =>
      events.map(({ type, object }) => `${object.metadata.resourceVersion} ${type} ${object.metadata.name}`);
    await until(() => watches.every(({ events }) => events.at(-1)?.object.metadata.uid === last.metadata.uid), {
      what: 'all watches to see the last object',
    });
    const whole = textOf(early);
    expect(whole.length).toBeGreaterThan(45);
    for (const watch of watches) {
      const shown = textOf(watch);
      expect(shown).toEqual(whole.slice(whole.length - shown.length));
      watch.stop();
    }
  });
});

describe('api-machinery: Tables', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';

  it('are refused with 406 where there are none to print', async () => {
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const body = { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } };
    const refused = await server.send('POST', path, { body, headers: { accept: table } });
    expect(refused.body).toMatchObject({ code: 406, reason: 'NotAcceptable' });
    const either = await server.send('POST', path, { body, headers: { accept: `${table},application/json` } });
    expect(either).toMatchObject({ status: 201, body: { kind: 'SelfSubjectAccessReview' } });
  });
});
