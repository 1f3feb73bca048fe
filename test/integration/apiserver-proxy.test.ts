/** pods/proxy and services/proxy, to servers on this machine that stand for those in pods. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect as connectTls } from 'node:tls';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { endpointSlices, services } from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { until } from '@timonel/testkit';
import { WebSocketServer } from 'ws';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ProcessNode } from '../support/process-node.ts';
import { SessionClient } from '../support/session-client.ts';

const node = new ProcessNode('n1');
const root = '/api/v1/namespaces/default';
let server: TestApiServer;
let web: Server;
let secure: NetServer;
const stopped: (() => void)[] = [];

const portOf = (of: { address(): unknown }): number => (of.address() as AddressInfo).port;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const url = request.url ?? '';
    if (url.startsWith('/moved')) {
      response.writeHead(302, { location: new URL(url, 'http://x').searchParams.get('to') ?? '' }).end();
      return;
    }
    if (url === '/slow') {
      response.writeHead(200, { 'content-type': 'text/plain' }).write('begun');
      response.once('close', () => stopped.push(() => undefined));
      return;
    }
    const { method, headers } = request;
    const body = JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') });
    response
      .writeHead(url === '/teapot' ? 418 : 200, { 'x-from': 'pod', connection: 'close', 'keep-alive': 'x' })
      .end(body);
  });
}

beforeAll(async () => {
  web = createServer(answer);
  const sockets = new WebSocketServer({ server: web });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  const env = createRealEnv();
  const authority = await makeAuthority(env);
  const identity = await issueIdentity(env, authority, { commonName: 'pod', usages: ['server'] });
  secure = createTlsServer({ key: identity.keyPem, cert: identity.certificatePem }, answer);
  for (const one of [web, secure]) await new Promise<void>((resolve) => void one.listen(0, '127.0.0.1', resolve));
  server = await startApiServer({ plugins: [node.plugin()] });
  const [port, tls] = [portOf(web), portOf(secure)];
  await node.addPod(server.api, { ports: [{ containerPort: port }] });
  const ports = [
    { name: 'http', port: 80 },
    { name: 'https', port: 443 },
    { name: 'none', port: 99 },
  ];
  await server.api.create(services, { metadata: { name: 'web', namespace: 'default' }, spec: { ports } });
  await server.api.create(services, {
    metadata: { name: 'plain', namespace: 'default' },
    spec: { ports: [{ port: 80 }] },
  });
  await server.api.create(services, {
    metadata: { name: 'alone', namespace: 'default' },
    spec: { ports: [{ port: 80 }] },
  });
  const targetRef = { kind: 'Pod', name: 'a', namespace: 'default' };
  const slice = (name: string, list: { name?: string; port: number }[], endpoints: object[]) =>
    server.api.create(endpointSlices, {
      metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: endpoints as never,
      ports: list,
    });
  const notReady = { addresses: ['10.0.0.9'], conditions: { ready: false } };
  await slice(
    'web',
    [
      { name: 'http', port },
      { name: 'https', port: tls },
    ],
    [notReady, { addresses: ['10.0.0.1'], targetRef }],
  );
  await slice('plain', [{ port }], [{ addresses: ['127.0.0.1'] }]);
});
afterAll(async () => {
  node.stop();
  web?.close();
  secure?.close();
  await server?.stop();
});

describe('a proxy', () => {
  it('passes any method, path, query and body on, without what proves who the caller is', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? {} : { body: Buffer.from('body') };
      const headers = { 'x-own': 'kept', connection: 'x-hop', 'x-hop': 'gone', te: 'trailers' };
      const path = `${root}/pods/a/proxy/some%2Fpath/../x//y?q=1&q=%20`;
      const { status, body: seen, headers: back } = await server.send(method, path, { ...body, headers });
      expect(status).toBe(200);
      expect(seen).toMatchObject({
        method,
        url: '/some%2Fpath/../x//y?q=1&q=%20',
        body: method === 'GET' ? '' : 'body',
      });
      expect(seen.headers).toMatchObject({ 'x-own': 'kept', 'x-forwarded-proto': 'https', 'x-forwarded-uri': path });
      expect(Object.keys(seen.headers as object)).not.toEqual(expect.arrayContaining(['authorization']));
      expect(seen.headers).not.toHaveProperty('x-hop');
      expect(back['x-from']).toBe('pod');
    }
  });

  it('passes status and redirects back; those to the same server lead through it', async () => {
    expect((await server.send('GET', `${root}/pods/a/proxy/teapot`)).status).toBe(418);
    const location = async (to: string): Promise<unknown> =>
      (await server.send('GET', `${root}/pods/a/proxy/moved?to=${encodeURIComponent(to)}`)).headers['location'];
    expect(await location('/here?x=1')).toBe(`${root}/pods/a/proxy/here?x=1`);
    expect(await location('https://elsewhere.example/x')).toBe('https://elsewhere.example/x');
    expect(await location('relative')).toBe('relative');
  });

  it('adds the slash that relative links need', async () => {
    const bare = await server.send('GET', `${root}/pods/a/proxy?x=1`);
    expect([bare.status, bare.headers['location']]).toEqual([301, `${root}/pods/a/proxy/?x=1`]);
    expect((await server.send('POST', `${root}/pods/a/proxy`)).body.url).toBe('/');
  });

  it('streams, and ends the request to the pod when the client goes', async () => {
    const { request } = await import('node:https');
    const gone = new AbortController();
    const text = await new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${server.token}` };
      const options = { headers, rejectUnauthorized: false, signal: gone.signal };
      request(new URL(`${root}/pods/a/proxy/slow`, server.url), options, (response) => {
        response.on('error', () => undefined);
        response.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
      })
        .on('error', reject)
        .end();
    });
    expect(text).toBe('begun');
    gone.abort();
    await until(() => stopped.length === 1 && node.connections.size === 0, { what: 'the end of the request' });
  });

  it('passes a WebSocket through', async () => {
    const client = new SessionClient(server.url, `${root}/services/web:http/proxy/ws`, {
      token: server.token,
      protocols: [],
    });
    await client.opened;
    client.send(7, 'echo');
    await until(() => client.text(7) === 'echo', { what: 'the echo' });
    client.socket.close();
    await client.closed;
    await until(() => node.connections.size === 0, { what: 'the end of the connection' });
  });

  it('ends a WebSocket on the one side when the other breaks it off', async () => {
    const client = new SessionClient(server.url, `${root}/pods/a/proxy/ws`, { token: server.token, protocols: [] });
    await client.opened;
    await until(() => node.connections.size === 1, { what: 'the connection' });
    client.socket.terminate();
    await until(() => node.connections.size === 0, { what: 'its end in the pod' });
    const other = new SessionClient(server.url, `${root}/pods/a/proxy/ws`, { token: server.token, protocols: [] });
    await other.opened;
    for (const connection of node.connections) connection.destroy();
    await other.closed;
    expect(other.closeCode).toBe(1006);
  });

  it.each([
    ['pods/a'],
    ['pods/http:a:'],
    ['services/web:http'],
    ['services/web:80'],
    ['services/http:web:80'],
    ['services/https:web:443'],
    ['services/https:web:https'],
  ])('finds %s', async (name) => {
    expect((await server.send('GET', `${root}/${name}/proxy/p`)).body).toMatchObject({ url: '/p' });
  });

  it.each<[string, number, string]>([
    ['pods/none', 404, 'pods "none" not found'],
    ['pods/a:web', 400, '"web" is not a port number'],
    ['pods/ftp:a:1', 400, 'invalid pod request "ftp:a:1"'],
    ['pods/a:1', 503, 'connection refused'],
    ['services/none', 404, 'services "none" not found'],
    ['services/alone', 503, 'no endpoints available for service "alone"'],
    ['services/web', 503, 'no endpoints available for service "web"'],
    ['services/web:none', 503, 'no endpoints available for service "web:none"'],
    ['services/web:81', 503, 'no service port 81 found for service "web"'],
    ['services/plain', 400, 'address not allowed: 127.0.0.1'],
    ['services/https:web:http', 503, 'error trying to reach service'],
  ])('refuses with a Status: %s', async (name, status, text) => {
    const { body } = await server.send('GET', `${root}/${name}/proxy/`);
    expect(body).toMatchObject({ kind: 'Status', code: status });
    expect(body.message).toContain(text);
  });

  it('of a node says that it runs no server in this process', async () => {
    await server.send('POST', '/api/v1/nodes', { body: { metadata: { name: 'n1' } } });
    const { body } = await server.send('GET', '/api/v1/nodes/n1/proxy/healthz');
    expect(body).toMatchObject({ code: 503, message: 'node "n1" runs no server of its own (plugin node-server)' });
  });

  it('serves objects that are called proxy as any others', async () => {
    const created = await server.send('POST', `${root}/configmaps`, { body: { metadata: { name: 'proxy' } } });
    expect(created.status).toBe(201);
    expect((await server.send('GET', `${root}/configmaps/proxy`)).body.metadata.name).toBe('proxy');
    expect((await server.send('GET', `${root}/configmaps/proxy/x`)).status).toBe(404);
  });
});

it('a client that breaks off while it is being answered leaves no process behind', async () => {
  const { hostname, port } = new URL(server.url);
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  let started = 0;
  node.beforeSession = async () => {
    started = node.processes.size;
    socket.destroy();
    // Answered by the same event loop behind the end of the connection.
    for (let round = 0; round < 2; round += 1) await server.send('GET', '/readyz');
  };
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
  const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  const query = 'stdout=true&command=sleep&command=1000';
  const head = `GET ${root}/pods/a/exec?${query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.token}\r\n`;
  socket.write(`${head}${upgrade}${key}\r\n`);
  await until(() => started === 1 && node.processes.size === 0, { what: 'the process to come and go' });
  expect((await server.send('GET', '/readyz')).status).toBe(200);
});
