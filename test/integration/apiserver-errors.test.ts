import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestKernel } from '@timonel/testkit';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import storeMemory from '@timonel/plugin-store-memory';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const cm = '/api/v1/namespaces/default/configmaps';
const deploy = '/apis/apps/v1/namespaces/default/deployments';

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.stop();
});

function expectStatus(body: unknown, code: number, reason: string): void {
  expect(body).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason });
}

describe('who asks', () => {
  it('answers 401 to a missing and to a wrong token, in the same shape', async () => {
    const missing = await server.send('GET', cm, { token: null });
    const wrong = await server.send('GET', cm, { token: 'wrong-token-of-some-length' });
    expectStatus(missing.body, 401, 'Unauthorized');
    expect(wrong.text).toBe(missing.text);
    const unknown = await server.send('GET', '/apis/no/v1/such', { token: null });
    expect(unknown.text).toBe(missing.text);
  });

  it('tells its health without a token', async () => {
    for (const path of ['/healthz', '/livez', '/readyz']) {
      expect(await server.send('GET', path, { token: null })).toMatchObject({ status: 200, text: 'ok' });
    }
    expect((await server.send('GET', '/readyz?verbose', { token: null })).text).toContain('[+]store ok');
  });
});

describe('bodies', () => {
  it('refuses malformed JSON and YAML', async () => {
    expectStatus((await server.send('POST', cm, { body: '{"metadata":' })).body, 400, 'BadRequest');
    const yaml = await server.send('POST', cm, { type: 'application/yaml', body: 'a: [1\nb: }' });
    expectStatus(yaml.body, 400, 'BadRequest');
    expectStatus((await server.send('POST', cm, { body: Buffer.from([0x22, 0xff, 0x22]) })).body, 400, 'BadRequest');
    for (const body of ['[]', '"text"', 'null', '7'])
      expectStatus((await server.send('POST', cm, { body })).body, 400, 'BadRequest');
    expectStatus((await server.send('POST', cm)).body, 400, 'BadRequest');
  });

  it('accepts YAML', async () => {
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-yaml\ndata:\n  a: "1"\n';
    expect((await server.send('POST', cm, { type: 'application/yaml', body })).status).toBe(201);
  });

  it('refuses what is too large or too deep', async () => {
    const large = { metadata: { name: 'large' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } };
    expectStatus((await server.send('POST', cm, { body: large })).body, 413, 'RequestEntityTooLarge');
    const deep = `{"metadata":{"name":"deep"},"data":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`;
    expectStatus((await server.send('POST', cm, { body: deep })).body, 400, 'BadRequest');
    const bomb = ['a: &a ["lol","lol","lol","lol","lol","lol","lol","lol","lol"]'];
    for (const [at, name] of 'bcdefghi'.split('').entries())
      bomb.push(`${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[at]}`).join(',')}]`);
    expectStatus(
      (await server.send('POST', cm, { type: 'application/yaml', body: bomb.join('\n') })).body,
      400,
      'BadRequest',
    );
    expect((await server.send('GET', '/readyz')).status).toBe(200);
  });

  it('refuses media types that it does not read or write', async () => {
    expectStatus(
      (await server.send('POST', cm, { type: 'application/cbor', body: 'x' })).body,
      415,
      'UnsupportedMediaType',
    );
    expectStatus((await server.send('PATCH', `${cm}/x`, { body: {} })).body, 415, 'UnsupportedMediaType');
    const apply = await server.send('PATCH', `${cm}/x`, { type: 'application/apply-patch+cbor', body: '{}' });
    expectStatus(apply.body, 415, 'UnsupportedMediaType');
    expect(apply.body.message).toContain('application/apply-patch+yaml');
    expectStatus((await server.send('GET', cm, { headers: { accept: 'text/html' } })).body, 406, 'NotAcceptable');
  });

  it('refuses compressed bodies as what they are', async () => {
    const { status, body } = await server.send('POST', cm, { body: '{}', headers: { 'content-encoding': 'gzip' } });
    expect(status).toBe(415);
    expectStatus(body, 415, 'UnsupportedMediaType');
  });

  it('names the field of a wrong type', async () => {
    const spec = { replicas: 'three', selector: { matchLabels: 5 } };
    const { body } = await server.send('POST', deploy, { body: { metadata: { name: 'wrong' }, spec } });
    expectStatus(body, 400, 'BadRequest');
    expect(body.message).toContain('spec.replicas: expected an integer, found the string "three"');
    expect(body.message).toContain('spec.selector.matchLabels: expected an object');
  });

  it('treats unknown and duplicate fields as fieldValidation says', async () => {
    const text = '{"metadata":{"name":"strict"},"data":{"a":"1","a":"2"},"extra":{"x":1}}';
    const strict = await server.send('POST', `${cm}?fieldValidation=Strict`, { body: text });
    expectStatus(strict.body, 400, 'BadRequest');
    expect(strict.body.message).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "extra", duplicate field "data.a"',
    );
    const warned = await server.send('POST', `${cm}?fieldValidation=Warn&dryRun=All`, { body: text });
    expect(warned.headers['warning']).toContain('299 - "unknown field \\"extra\\""');
    const ignored = await server.send('POST', `${cm}?fieldValidation=Ignore&dryRun=All`, { body: text });
    expect(ignored.headers['warning']).toBeUndefined();
    expect(ignored.body.extra).toBeUndefined();
    expectStatus((await server.send('POST', `${cm}?fieldValidation=Odd`, { body: text })).body, 400, 'BadRequest');
  });

  it('keeps prototype names harmless', async () => {
    const text =
      '{"metadata":{"name":"proto","__proto__":{"x":1}},"data":{"__proto__":"p","constructor":"c"},"__proto__":{"polluted":1}}';
    const created = await server.send('POST', cm, { body: text });
    expect(created.status).toBe(201);
    expect(created.text).toContain('"data":{"__proto__":"p","constructor":"c"}');
    for (const [type, body] of [
      ['application/merge-patch+json', '{"__proto__":{"polluted":1},"data":{"__proto__":{"polluted":1}}}'],
      ['application/strategic-merge-patch+json', '{"constructor":{"prototype":{"polluted":1}}}'],
      ['application/json-patch+json', '[{"op":"add","path":"/__proto__/polluted","value":1}]'],
      ['application/json-patch+json', '[{"op":"add","path":"/constructor/prototype/polluted","value":1}]'],
    ] as const) {
      const { status } = await server.send('PATCH', `${cm}/proto`, { type, body });
      expect(status).toBeLessThan(500);
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('names and paths', () => {
  it('refuses names that are none', async () => {
    for (const name of ['Upper', 'a_b', '-a', 'a'.repeat(254), '', 'ä']) {
      const { body } = await server.send('POST', cm, { body: { metadata: { name } } });
      expectStatus(body, 422, 'Invalid');
      expect(body.details.causes[0].field).toBe('metadata.name');
      expect(body.message).toMatch(/^ConfigMap ".*" is invalid: metadata\.name: /);
    }
  });

  it('speaks of several findings in one message', async () => {
    const labels = { 'bad key!': 'ok', good: 'bad value!' };
    const { body } = await server.send('POST', cm, { body: { metadata: { name: 'labels', labels } } });
    expectStatus(body, 422, 'Invalid');
    expect(body.message).toMatch(/is invalid: \[metadata\.labels: .*, metadata\.labels: .*\]$/);
  });

  it('refuses bodies that speak of something else than the path', async () => {
    const other = { metadata: { name: 'x', namespace: 'other' } };
    expectStatus((await server.send('POST', cm, { body: other })).body, 400, 'BadRequest');
    expectStatus(
      (await server.send('POST', cm, { body: { kind: 'Secret', metadata: { name: 'x' } } })).body,
      400,
      'BadRequest',
    );
    expectStatus(
      (await server.send('PUT', `${cm}/from-yaml`, { body: { metadata: { name: 'y' } } })).body,
      400,
      'BadRequest',
    );
  });

  it('knows what it does not serve', async () => {
    const paths = [
      '/nothing',
      '/api/v1/nosuch',
      '/apis/no.group/v1/things',
      `${cm}/a/b/c`,
      `${cm}/x/status`,
      '/api/v2',
      '/api/v1/configmaps/x',
    ];
    for (const path of paths) expectStatus((await server.send('GET', path)).body, 404, 'NotFound');
    expectStatus((await server.send('PUT', cm, { body: {} })).body, 405, 'MethodNotAllowed');
    expectStatus((await server.send('POST', '/api/v1/configmaps', { body: {} })).body, 405, 'MethodNotAllowed');
    expectStatus((await server.send('POST', '/version', { body: {} })).body, 405, 'MethodNotAllowed');
    expectStatus((await server.send('GET', `${cm}/..%2f..%2fsecrets`)).body, 404, 'NotFound');
  });

  it('refuses bad query parameters', async () => {
    for (const query of [
      'limit=-1',
      'limit=x',
      'continue=zzz',
      'labelSelector=a%20in%20(',
      'fieldSelector=status.nosuch%3D1',
      'watch=perhaps',
      'dryRun=Some&watch=no',
    ]) {
      expectStatus(
        (await server.send(query.startsWith('dryRun') ? 'DELETE' : 'GET', `${cm}?${query}`)).body,
        400,
        'BadRequest',
      );
    }
  });
});

describe('the socket', () => {
  it('says which address is taken and what to do', async () => {
    const port = Number(new URL(server.url).port);
    const config = { apiserver: { listen: { port } } };
    const started = startTestKernel({ plugins: [storeMemory, apiResources, authToken, apiServer], config });
    await expect(started).rejects.toThrow(
      new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another process uses this port`),
    );
  });

  it('is not held up by clients that speak no TLS or hang', async () => {
    const { port, hostname } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await ended;
    const other = await startApiServer();
    const silent = connect(Number(new URL(other.url).port), '127.0.0.1');
    silent.on('error', () => undefined);
    await new Promise<void>((resolve) => silent.once('connect', resolve));
    const watch = other.watch(`${cm}?watch=1`);
    await other.send('GET', cm);
    const before = performance.now();
    await other.stop();
    await watch.ended;
    expect(performance.now() - before).toBeLessThan(2000);
    silent.destroy();
  });
});
