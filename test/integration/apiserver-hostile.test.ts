/** Texts made to take long, and strangers made to learn something: requests that cost little and ought to bring little. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { samples } from './apiserver-kinds-samples.ts';

let server: TestApiServer;
const cm = '/api/v1/namespaces/default/configmaps';
const length = 30_000;
/** Of a request with one hostile text. A pattern that takes a text apart in two ways needs seconds for these. */
const textLimitMs = 1000;
/** Of a body at the limit of bytes. */
const bodyLimitMs = 20_000;

beforeAll(async () => {
  server = await startApiServer();
  await server.send('POST', cm, { body: { metadata: { name: 'a', labels: { a: 'b' } } } });
});
afterAll(async () => {
  await server.stop();
});

const repeated = (part: string): string => part.repeat(length / part.length);
const hostileTexts: Readonly<Record<string, string>> = {
  letters: `${repeated('a')}!`,
  digits: `${repeated('1')}!`,
  decimals: `${repeated('0.')}!`,
  spaces: `a${repeated(' ')}x`,
  lines: `${repeated('\n')}x`,
  hyphens: `${repeated('a-')}!`,
  slashes: `${repeated('a/')}!`,
  dots: `${repeated('a.')}!`,
  colons: `${repeated('f:')}!`,
  commas: `${repeated('1,')}!`,
  stars: `${repeated('*/')}!`,
  variables: repeated('$('),
};

/** Processor time of client and server together: tens of ms at most, the first time too. */
async function cpuMs(request: () => Promise<Answer>): Promise<number> {
  const before = process.cpuUsage();
  const { status } = await request();
  const { user, system } = process.cpuUsage(before);
  expect(status).not.toBe(500);
  return (user + system) / 1000;
}

/** A copy in which every text is the hostile one. */
function spoiled(value: unknown, text: string): unknown {
  if (typeof value === 'string') return text;
  if (Array.isArray(value)) return value.map((item) => spoiled(item, text));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, spoiled(member, text)]));
}

describe('texts made to take long', () => {
  it.each(Object.entries(hostileTexts))('%s: in any field of any kind', async (_, text) => {
    for (const { path, object } of samples) {
      const [resource = '', ...rest] = path.split('/').toReversed();
      const version = rest.toReversed().join('/');
      const root = `${version.includes('/') ? '/apis' : '/api'}/${version}`;
      const metadata = {
        name: text,
        labels: { a: text, [text]: 'b' },
        annotations: { [text]: text },
        finalizers: [text],
      };
      const body = { metadata, ...(spoiled(object, text) as object) };
      // One of the two is the right one.
      for (const place of [`${root}/namespaces/default/${resource}`, `${root}/${resource}`]) {
        const spent = await cpuMs(() => server.send('POST', `${place}?dryRun=All`, { body }));
        expect({ path, slow: spent > textLimitMs ? spent : 0 }).toEqual({ path, slow: 0 });
      }
    }
  });

  it.each(Object.entries(hostileTexts))('%s: in parameters and headers', async (_, text) => {
    // All headers together have 16 KB: what grows with the square of the length does not show here.
    const short = encodeURIComponent(text.slice(0, 3000)) + encodeURIComponent(text.slice(-1));
    for (const name of ['labelSelector', 'fieldSelector', 'continue', 'resourceVersion', 'fieldManager', 'limit']) {
      for (const value of [short, `a%3D${short}`, `a%20in%20(${short}`, `metadata.name%3D${short}`]) {
        const spent = await cpuMs(() => server.send('GET', `${cm}?${name}=${value}`));
        expect({ name, slow: spent > textLimitMs / 4 ? spent : 0 }).toEqual({ name, slow: 0 });
      }
    }
    const accept = text.replaceAll('\n', ' ').slice(0, 8000);
    expect(await cpuMs(() => server.send('GET', cm, { headers: { accept } }))).toBeLessThan(textLimitMs / 4);
  });

  it.each([
    ['open brackets', '['.repeat(100_000)],
    ['open maps', '{a: '.repeat(50_000)],
    ['dashes', '- '.repeat(50_000)],
    ['keys without end', 'a: '.repeat(50_000)],
    ['anchors', Array.from({ length: 20_000 }, (_, index) => `k${index}: &a${index} v`).join('\n')],
    ['merge keys', `a: &a {x: 1}\n${Array.from({ length: 20_000 }, (_, index) => `l${index}: {<<: *a}`).join('\n')}`],
    ['documents', '---\n'.repeat(100_000)],
    ['digits', `a: ${'1_'.repeat(300_000)}x`],
    ['comments', `${'#\n'.repeat(300_000)}a: b`],
  ])(
    'YAML of %s',
    async (_, body) => {
      expect(await cpuMs(() => server.send('POST', cm, { type: 'application/yaml', body }))).toBeLessThan(bodyLimitMs);
    },
    60_000,
  );
});

describe('strangers', () => {
  it('get the same answer, whatever they ask and whether it is there or not', async () => {
    const shapes = new Set<string>();
    for (const token of [null, 'wrong-token-of-some-length', server.token.slice(0, -1), `${server.token}x`]) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        for (const path of [
          `${cm}/a`,
          `${cm}/nosuch`,
          '/apis/no/v1/such',
          '/api',
          '/openapi/v2',
          '/nothing',
          '/api/v1/nodes/x/proxy/',
        ]) {
          const body = method === 'GET' ? {} : { body: '{"metadata":{"name":"a"' };
          const { status, text, headers } = await server.send(method, path, { token, ...body });
          const names = Object.keys(headers).filter((name) => name !== 'date' && name !== 'audit-id');
          shapes.add(
            JSON.stringify([status, text, names.toSorted().filter((name) => !/connection|keep-alive/.test(name))]),
          );
        }
      }
    }
    expect([...shapes].map((shape) => (JSON.parse(shape) as [number])[0])).toEqual([401]);
    expect((await server.send('GET', `${cm}/a`)).status).toBe(200);
  });

  it('cannot name themselves in headers that proxies use', async () => {
    const headers = { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters', 'impersonate-user': 'admin' };
    expect((await server.send('GET', cm, { token: null, headers })).status).toBe(401);
  });
});
