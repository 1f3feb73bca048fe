/** Sessions and connections into pods of a node in another process: API server, node-remote, node-server, each over TLS on loopback. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import type { Duplex, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { nodeResolver, type NodeEndpoint } from '@timonel/sdk/contracts/node';
import { nodes } from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority, type Identity } from '@timonel/sdk/pki';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import nodeRemote from '@timonel/plugin-node-remote';
import nodeServer from '@timonel/plugin-node-server';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ProcessNode } from '../support/process-node.ts';
import { SessionClient } from '../support/session-client.ts';

const env = createRealEnv();
const directory = mkdtempSync(join(tmpdir(), 'timonel-sessions-'));
const pod = { namespace: 'default', name: 'a', uid: 'u1' };
const node = new ProcessNode('far');
const sessions = 6;
let authority: Identity;
let master: TestApiServer;
let far: TestKernel;
let nodePort = 0;
let remote: NodeEndpoint;
let echo: Server;

async function filesOf(name: string, commonName: string, organization: string): Promise<Record<string, string>> {
  const usages = ['client', 'server'] as const;
  const identity = await issueIdentity(env, authority, { commonName, organizations: [organization], usages });
  const at = join(directory, name);
  mkdirSync(at, { recursive: true });
  const files = { caFile: join(at, 'ca.crt'), certFile: join(at, 'tls.crt'), keyFile: join(at, 'tls.key') };
  writeFileSync(files.caFile, authority.certificatePem);
  writeFileSync(files.certFile, identity.certificatePem);
  writeFileSync(files.keyFile, identity.keyPem);
  return files;
}

async function startNode(): Promise<void> {
  const files = await filesOf('far', 'system:node:far', 'system:nodes');
  far = await startTestKernel({
    plugins: [nodeServer, node.plugin()],
    config: { 'node-server': { ...files, sessions, listen: { address: '127.0.0.1', port: nodePort } } },
  });
  const line = far.log.lines.find(({ fields }) => typeof fields['port'] === 'number');
  nodePort = Number(line?.fields['port']);
}

beforeAll(async () => {
  authority = await makeAuthority(env);
  await startNode();
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => void echo.listen(0, '127.0.0.1', resolve));
  const files = await filesOf('master', 'timonel:master:m1', 'timonel:masters');
  master = await startApiServer({ plugins: [nodeRemote], config: { 'node-remote': files } });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: nodePort } },
  };
  const made = await master.api.create(nodes, { metadata: { name: 'far' }, spec: {} });
  await master.api.updateStatus(nodes, { ...made, status });
  await node.addPod(master.api);
  const [resolver] = master.kernel.service(nodeResolver).all();
  const found = await resolver?.service.resolve('far');
  if (found === undefined) throw new Error('the node is not found');
  remote = found;
});
afterEach(() => until(() => node.processes.size === 0 && node.connections.size === 0, { what: 'all to be gone' }));
afterAll(async () => {
  node.stop();
  echo?.close();
  await master?.stop();
  await far?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const exec = (command: readonly string[], stdin = false, tty = false): ReturnType<NodeEndpoint['exec']> =>
  remote.exec(pod, { container: 'app', command, stdin, tty });

describe('a session on another node', () => {
  it('brings output, errors and the exit code', async () => {
    const session = await exec(['sh', '-c', 'echo "out $0 $1"; echo err >&2; exit 7', 'ä b', '']);
    const [out, err] = await Promise.all([textOf(session.stdout), textOf(session.stderr ?? session.stdout)]);
    expect([out, err, await session.exited]).toEqual(['out ä b \n', 'err\n', 7]);
  });

  it('takes stdin to its end, and sizes of a terminal', async () => {
    const session = await exec(['sh', '-c', 'cat; echo done'], true, true);
    expect(session.stderr).toBeUndefined();
    session.resize(120, 40);
    session.stdin?.write('in\n');
    await until(() => node.sizes.length === 1, { what: 'the size' });
    session.stdin?.end();
    expect([await textOf(session.stdout), await session.exited]).toEqual(['in\ndone\n', 0]);
    expect(node.sizes).toEqual([{ columns: 120, rows: 40 }]);
  });

  it('carries much, and holds the writer back when nobody reads', async () => {
    const session = await exec(['cat'], true);
    const { stdin } = session;
    let written = 0;
    let blocked = false;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    for (; written < 2000 && !blocked; written += 1) {
      blocked = stdin?.write(chunk) === false && !(await drainedWithin(stdin, 1000));
    }
    // Pipes, sockets and streams on the way hold some; not everything.
    expect(blocked).toBe(true);
    stdin?.end();
    expect((await textOf(session.stdout)).length).toBe(written * chunk.length);
    expect(await session.exited).toBe(0);
  });

  it('ends when it is killed', async () => {
    const session = await exec(['sleep', '1000']);
    session.kill();
    await expect(session.exited).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });

  it('is refused as the node refuses', async () => {
    await expect(exec(['/no/such'])).rejects.toMatchObject({ reason: 'BadRequest', code: 400 });
    const many = await Promise.all(Array.from({ length: sessions }, () => exec(['cat'], true)));
    await expect(exec(['true'])).rejects.toMatchObject({ reason: 'TooManyRequests' });
    for (const session of many) session.kill();
  });

  it('joins a container with attach, through the API server', async () => {
    node.attached = ['sh', '-c', 'read line; echo "got $line"; exit 4'];
    const path = '/api/v1/namespaces/default/pods/a/attach?stdin=true';
    const client = new SessionClient(master.url, path, { token: master.token });
    await client.opened;
    client.send(0, 'this\n');
    await client.closed;
    expect([client.text(1), client.status().details.causes[0].message]).toEqual(['got this\n', '4']);
  });

  it('ends with its client at the API server', async () => {
    const path = '/api/v1/namespaces/default/pods/a/exec?command=sleep&command=1000&stdout=true';
    const client = new SessionClient(master.url, path, { token: master.token });
    await client.opened;
    await until(() => node.processes.size === 1, { what: 'the process' });
    client.socket.terminate();
  });
});

/** False: the writer is still held back after a while. */
async function drainedWithin(stream: NodeJS.WritableStream, ms: number): Promise<boolean> {
  const waiting = new AbortController();
  const drained = once(stream as Writable, 'drain', { signal: waiting.signal }).then(
    () => true,
    () => false,
  );
  await Promise.race([drained, env.timers.sleep(ms)]);
  waiting.abort();
  return drained;
}

async function received(connection: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of connection) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('a connection into a pod of another node', () => {
  const port = (): number => (echo.address() as AddressInfo).port;

  it('carries bytes both ways, and each end on its own', async () => {
    const connection = await remote.portForward(pod, port());
    const sent = Buffer.alloc(5_000_000, 'abc');
    connection.end(sent);
    expect((await received(connection)).equals(sent)).toBe(true);
  });

  it('ends on both sides when one breaks it off', async () => {
    const connection = await remote.portForward(pod, port());
    await until(() => node.connections.size === 1, { what: 'the connection' });
    connection.destroy();
    await until(() => node.connections.size === 0, { what: 'its end on the node' });
    const other = await remote.portForward(pod, port());
    await until(() => node.connections.size === 1, { what: 'the other connection' });
    for (const one of node.connections) one.destroy();
    other.resume();
    await finished(other).catch(() => undefined);
    expect(other.destroyed).toBe(true);
  });

  it('is refused when nothing listens', async () => {
    await expect(remote.portForward(pod, 1)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });

  it('serves pods/proxy', async () => {
    const { createServer: createHttp } = await import('node:http');
    const web = createHttp((request, response) => response.end(`served ${request.url ?? ''}`));
    await new Promise<void>((resolve) => void web.listen(0, '127.0.0.1', resolve));
    const at = (web.address() as AddressInfo).port;
    const { text } = await master.send('GET', `/api/v1/namespaces/default/pods/a:${at}/proxy/x`);
    expect(text).toBe('served /x');
    web.close();
  });
});

describe('a node', () => {
  it('says what it uses', async () => {
    expect(await remote.usage()).toMatchObject({ nodeName: 'far', cpuUsageNanos: 2 });
  });

  it('answers nodes/proxy with its own server', async () => {
    expect(await master.send('GET', '/api/v1/nodes/far/proxy/healthz')).toMatchObject({ status: 200, text: 'ok' });
    expect((await master.send('GET', '/api/v1/nodes/far/proxy/stats/usage')).body).toMatchObject({ nodeName: 'far' });
    expect((await master.send('GET', '/api/v1/nodes/far/proxy/none')).body).toMatchObject({ code: 404 });
  });

  it('lets nobody start a session without the certificate of a control plane', async () => {
    const files = await filesOf('stranger', 'someone', 'people');
    const { readFileSync } = await import('node:fs');
    const [cert, key] = [readFileSync(files['certFile'] ?? ''), readFileSync(files['keyFile'] ?? '')];
    const path = '/exec/default/a/app?uid=u1&command=true';
    const status = await new Promise<number>((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'websocket' };
      httpsRequest({ host: '127.0.0.1', port: nodePort, path, cert, key, headers, rejectUnauthorized: false })
        .on('response', (response) => resolve(response.statusCode ?? 0))
        .on('upgrade', () => resolve(101))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });

  it('that goes away ends what it serves, with a reason', async () => {
    const session = await exec(['sleep', '1000']);
    const connection = await remote.portForward(pod, (echo.address() as AddressInfo).port);
    connection.resume();
    await far.stop();
    await expect(session.exited).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await finished(connection).catch(() => undefined);
    await expect(exec(['true'])).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await startNode();
    expect(await (await exec(['true'])).exited).toBe(0);
  });
});

it('a request that is no TLS does no harm', async () => {
  const socket = connect({ host: '127.0.0.1', port: nodePort });
  socket.on('error', () => undefined);
  socket.write('GET /exec HTTP/1.1\r\n\r\n');
  await finished(socket.resume()).catch(() => undefined);
  expect(await (await exec(['true'])).exited).toBe(0);
});
