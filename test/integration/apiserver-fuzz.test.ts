/**
 * Requests of any kind, built from valid ones: every endpoint answers each of them in time and with a proper Status.
 * TIMONEL_FUZZ_RUNS sets how many (default: as many as a run of all tests affords), TIMONEL_FUZZ_SEED repeats a run.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { startApiServer, type Answer, type RequestOptions, type TestApiServer } from '../support/api-server.ts';
import { mutated, mutation, type Mutation } from './apiserver-fuzz-mutations.ts';
import { samples, type Sample } from './apiserver-kinds-samples.ts';

const runs = Number(process.env['TIMONEL_FUZZ_RUNS'] ?? 2000);
const seedText = process.env['TIMONEL_FUZZ_SEED'];
const parameters = { numRuns: runs, ...(seedText === undefined ? {} : { seed: Number(seedText) }) };
/** A request that takes longer hangs, or blocks the others. */
const deadlineMs = 8000;
const testTimeoutMs = 60_000 + runs * 60;

let server: TestApiServer;
/** Paths of the API without names, from discovery. */
const roots: string[] = [];
const subresources = new Map<string, string[]>();
const namespaced = new Set<string>();

function rootOf(version: string): string {
  return `${version.includes('/') ? '/apis' : '/api'}/${version}`;
}

beforeAll(async () => {
  server = await startApiServer();
  const { groups } = (await server.send('GET', '/apis')).body as { groups: { versions: { groupVersion: string }[] }[] };
  for (const version of ['v1', ...groups.flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion))]) {
    roots.push(rootOf(version));
    const { resources } = (await server.send('GET', rootOf(version))).body as {
      resources: { name: string; namespaced: boolean }[];
    };
    for (const { name, namespaced: inside } of resources) {
      const [resource = '', ...part] = name.split('/');
      const key = `${version}/${resource}`;
      if (inside) namespaced.add(key);
      subresources.set(key, [...(subresources.get(key) ?? []), ...(part.length === 0 ? [] : [part.join('/')])]);
    }
  }
});
afterAll(async () => {
  await server.stop();
});

function collectionOf(path: string): string {
  const parts = path.split('/');
  const resource = parts.pop() ?? '';
  return namespaced.has(path)
    ? `${rootOf(parts.join('/'))}/namespaces/default/${resource}`
    : `${rootOf(parts.join('/'))}/${resource}`;
}

/** The answer in time, or a failure that shows the request. */
async function sendInTime(method: string, path: string, options: RequestOptions): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([server.send(method, path, options), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** 503 and 504 are answers to what nobody can serve (a container that does not run, a version from the future). */
function expectProper(method: string, answer: Answer): void {
  if (answer.status === 500 || answer.status < 200 || answer.status > 504)
    throw new Error(`${answer.status} ${answer.text}`);
  if (answer.status < 400 || method === 'HEAD') return;
  const { status, text } = answer;
  expect({ status, text, body: answer.body }).toMatchObject({
    body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, message: expect.stringMatching(/./) },
  });
}

async function faultless(): Promise<void> {
  expect((await server.send('GET', '/readyz')).status).toBe(200);
  expect(server.kernel.control.list().filter(({ faults }) => faults > 0)).toEqual([]);
  expect('polluted' in {}).toBe(false);
}

function objectOf({ path, kind, object, names }: Sample, name = names?.[0] ?? 'a'): Record<string, unknown> {
  const apiVersion = path.slice(0, path.lastIndexOf('/'));
  return { apiVersion, kind, metadata: { name, labels: { life: 'fuzz' } }, ...object };
}

const values = [
  '',
  '0',
  '1',
  '-1',
  '999999999999999999999',
  'true',
  'All',
  'Exact',
  'NotOlderThan',
  'Orphan',
  'a=b',
  'a in (b,c),!d,e notin ()',
  '('.repeat(300),
  'metadata.name=a',
  'status.phase!=Running,spec.nodeName=',
  '__proto__=1',
  '%00',
  '%ff',
  '%F0%9F%92%A5',
  'x'.repeat(2000),
  'eyJ2IjoxLCJydiI6MSwic3RhcnQiOiIvIn0',
];
const parameterNames = [
  'limit',
  'continue',
  'labelSelector',
  'fieldSelector',
  'resourceVersion',
  'resourceVersionMatch',
  'dryRun',
  'fieldValidation',
  'fieldManager',
  'force',
  'gracePeriodSeconds',
  'propagationPolicy',
  'orphanDependents',
  'sendInitialEvents',
  'allowWatchBookmarks',
  'includeObject',
  'pretty',
  'timeoutSeconds',
  '__proto__',
];
const query = fc
  .array(fc.tuple(fc.constantFrom(...parameterNames), fc.constantFrom(...values)), { maxLength: 3 })
  .map((pairs) =>
    pairs.map(([name, value]) => `${name}=${value.includes('%') ? value : encodeURIComponent(value)}`).join('&'),
  );
const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** As many as have no divisor in common with the six operations: each meets every one. */
const pointers = [
  '/spec',
  '/metadata/annotations',
  '/metadata/finalizers/0',
  '/metadata/labels/x',
  '/metadata',
  '',
  '/spec/template/spec/containers/0',
  '/-',
  '/a~2',
  '/__proto__/polluted',
  '/constructor/prototype/polluted',
];

it('the changes are what they are called', () => {
  const [letters, key] = [{ a: 1, b: 2, c: 3, d: 4, e: 5 }, '__proto__'];
  const changed = (change: Mutation['change'], value: unknown = null): string =>
    mutated(letters, [{ place: 1, change, key, value }]);
  expect(changed('swap')).toBe('{"a":1,"b":3,"c":3,"d":4,"e":5}');
  expect(changed('remove')).toBe('{"a":1,"c":3,"d":4,"e":5}');
  expect(changed('repeat')).toBe('{"a":1,"b":2,"c":3,"d":4,"e":5,"b2":2}');
  expect(changed('add', { x: 1 })).toBe('{"a":1,"b":2,"c":3,"d":4,"e":5,"__proto__":{"x":1}}');
  const own = changed('replace', JSON.parse('{"__proto__":{"polluted":1}}'));
  expect(own).toBe('{"a":1,"b":{"__proto__":{"polluted":1}},"c":3,"d":4,"e":5}');
});

describe('bodies that are almost right', () => {
  it(
    'are taken or refused, for every kind that is served',
    async () => {
      const one = fc.constantFrom(...samples);
      const how = fc.constantFrom('POST', 'PUT', 'json', 'merge', 'strategic', 'apply', 'status', 'yaml', 'DELETE');
      await fc.assert(
        fc.asyncProperty(one, how, mutations, query, fc.boolean(), async (sample, how, steps, query, dry) => {
          const collection = collectionOf(sample.path);
          const object = objectOf(sample);
          const path = `${collection}/${(object['metadata'] as { name: string }).name}`;
          const suffix = `?${query}${dry ? '&dryRun=All' : ''}`;
          if (how === 'POST' || how === 'yaml') {
            const text = mutated(object, steps);
            const yaml =
              how === 'yaml' ? { type: 'application/yaml', body: stringify(JSON.parse(text)) } : { body: text };
            expectProper('POST', await sendInTime('POST', `${collection}${suffix}`, yaml));
            return;
          }
          await server.send('POST', collection, { body: object });
          const current = (await server.send('GET', path)).body as unknown;
          if (how === 'PUT' || how === 'status') {
            const target = how === 'status' ? `${path}/status` : path;
            const whole = how === 'status' ? { ...(current as object), status: sample.status ?? {} } : current;
            expectProper('PUT', await sendInTime('PUT', `${target}${suffix}`, { body: mutated(whole, steps) }));
            return;
          }
          if (how === 'DELETE') {
            const options = { preconditions: { uid: (current as { metadata?: { uid?: string } }).metadata?.uid } };
            const body = mutated({ kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, ...options }, steps);
            expectProper('DELETE', await sendInTime('DELETE', `${path}${suffix}`, { body }));
            return;
          }
          const operations = steps.map(({ change, place, value }) => ({
            op: ['add', 'remove', 'replace', 'move', 'copy', 'test'][place % 6],
            path: pointers[place % pointers.length],
            from: change === 'swap' ? '/metadata' : '/spec',
            value,
          }));
          const body =
            how === 'json' ? mutated(operations, few(steps)) : mutated(how === 'apply' ? object : current, steps);
          const manager = how === 'apply' ? '&fieldManager=fuzz' : '';
          expectProper(
            'PATCH',
            await sendInTime('PATCH', `${path}${suffix}${manager}`, { type: patchTypes[how], body }),
          );
        }),
        parameters,
      );
      await faultless();
    },
    testTimeoutMs,
  );
});

/** Only some patches are spoiled in their own form, whatever their operations are. */
function few<T extends { place: number }>(steps: readonly T[]): T[] {
  return steps.filter(({ place }) => place % 5 === 0);
}

/** Parts of paths, put together at will. */
const words = ['', 'a', '0', '-1', '__proto__', 'constructor', 'ü', '%00', '%2F', '%', '..', '{', '[]', 'a=b', 'null'];
const segments = [
  'namespaces',
  'default',
  'configmaps',
  'deployments',
  'pods',
  'status',
  'scale',
  'finalize',
  'plugins',
];
const anyParts = fc.array(fc.constantFrom(...words, ...segments), { maxLength: 5 });

describe('any method on any path', () => {
  it(
    'is answered',
    async () => {
      const name = fc.constantFrom(
        'a',
        'default',
        'kube-system',
        '__proto__',
        'constructor',
        'A',
        '%00',
        '%2e%2e',
        '%zz',
        'x'.repeat(3000),
      );
      const path = fc.oneof(
        fc
          .tuple(fc.constantFrom(...samples.map((sample) => sample.path)), fc.nat(30), name, fc.boolean())
          .map(([kind, part, name, deep]) => {
            const parts = [...(subresources.get(kind) ?? []), '', 'status', 'scale', 'nosuch', 'log', '__proto__'];
            const chosen = parts[part % parts.length] ?? '';
            return `${collectionOf(kind)}/${name}${chosen === '' ? '' : `/${chosen}`}${deep ? '/more' : ''}`;
          }),
        fc.constantFrom(...samples).map((sample) => collectionOf(sample.path)),
        // What the API server does not serve by itself.
        fc
          .tuple(
            fc.constantFrom('plugins', 'services'),
            fc.constantFrom('a', '__proto__', 'constructor', '%00', '%2e%2e', '%zz'),
          )
          .map((parts) => `/apis/kernel.timonel.dev/v1/${parts.join('/')}`),
        fc
          .tuple(fc.constantFrom('', '/apis', '/openapi/v3', ...roots), anyParts)
          .map(
            ([root, parts]) =>
              `${root}/${parts.map((part) => encodeURIComponent(part).replaceAll('%25', '%')).join('/')}`,
          ),
        fc.constantFrom(
          '/',
          '/api',
          '/apis',
          '/version',
          '/metrics',
          '/healthz',
          '/livez/store',
          '/readyz',
          '/openapi/v2',
          '/openapi/v3',
        ),
        fc.constantFrom(
          '/openapi/v3/apis/apps/v1',
          '/openapi/v3/api/v1',
          '/openapi/v3/__proto__',
          '//api//v1',
          '/api/v1/namespaces//pods',
          '/apis/apps',
        ),
      );
      const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND');
      const type = fc.constantFrom(
        'application/json',
        ...Object.values(patchTypes),
        'application/yaml',
        'application/vnd.kubernetes.protobuf',
        'application/cbor',
        'text/plain',
        ';;',
        '',
        'application/json; charset=latin1',
        '\u00e9',
      );
      const accept = fc.constantFrom(
        '',
        '*/*',
        'application/json',
        'application/yaml',
        'application/cbor',
        'application/json;as=Table;v=v1;g=meta.k8s.io',
        'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
        'application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io',
        'image/png',
        ';q=,,;;',
        'a/b;'.repeat(900),
      );
      const headers = fc.constantFrom<Record<string, string>>(
        {},
        { 'if-none-match': '*' },
        { range: 'bytes=0-5,7-' },
        { 'content-encoding': 'gzip' },
        { 'accept-encoding': 'gzip;q=1, *;q=0' },
        { expect: '100-continue' },
        { 'x-http-method-override': 'DELETE' },
        { 'impersonate-user': 'nobody', 'impersonate-extra-%zz': 'x' },
        { 'user-agent': '\u00ff'.repeat(500) },
        { 'x-remote-user': 'admin', forwarded: 'for=1' },
      );
      const body = fc.oneof(
        fc.constantFrom<string | undefined>(
          undefined,
          '{}',
          '[]',
          'null',
          '{"kind":"DeleteOptions","preconditions":{"uid":5}}',
        ),
        fc.json(),
        fc.string({ unit: 'binary' }),
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.concat([Buffer.from('k8s\0'), bytes])),
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      );
      await fc.assert(
        fc.asyncProperty(
          method,
          path,
          query,
          type,
          accept,
          headers,
          body,
          async (method, path, query, type, accept, headers, body) => {
            // Endless by nature, and covered by the tests of watches.
            if (/\/(proxy|exec|attach|portforward)(\/|$)/.test(path)) return;
            const options = { type, headers: { accept, ...headers }, ...(body === undefined ? {} : { body }) };
            // The namespaces of the cluster itself are needed until the end.
            const safe = method === 'DELETE' && /\/namespaces(\/[^/]*)?$/.test(path) ? '&dryRun=All' : '';
            expectProper(method, await sendInTime(method, `${path}?${query}${safe}`, options));
          },
        ),
        parameters,
      );
      await faultless();
    },
    testTimeoutMs,
  );
});
