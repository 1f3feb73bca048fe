/** Logs of pods on nodes in other processes: API server, node-remote, node-server, each over TLS on loopback. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { nodeEndpoint, type NodeEndpoint } from '@timonel/sdk/contracts/node';
import { ApiError, nodes, pods, type Node } from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority, type Identity } from '@timonel/sdk/pki';
import { fakeService, refusingNode, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';
import nodeRemote from '@timonel/plugin-node-remote';
import nodeServer from '@timonel/plugin-node-server';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const env = createRealEnv();
const directory = mkdtempSync(join(tmpdir(), 'timonel-remote-'));
let authority: Identity;

function filesOf(name: string): { caFile: string; certFile: string; keyFile: string } {
  const at = join(directory, name);
  return { caFile: join(at, 'ca.crt'), certFile: join(at, 'tls.crt'), keyFile: join(at, 'tls.key') };
}

async function writeIdentityOf(name: string, commonName: string, organization: string): Promise<void> {
  const usages = ['client', 'server'] as const;
  const identity = await issueIdentity(env, authority, { commonName, organizations: [organization], usages });
  const files = filesOf(name);
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(files.caFile, authority.certificatePem);
  writeFileSync(files.certFile, identity.certificatePem);
  writeFileSync(files.keyFile, identity.keyPem);
}

/** A node process with nothing but its server. */
async function startNode(
  name: string,
  logs: NodeEndpoint['logs'],
  files = filesOf(name),
): Promise<[TestKernel, number]> {
  const kernel = await startTestKernel({
    plugins: [nodeServer, fakeService(nodeEndpoint, { ...refusingNode, nodeName: () => name, logs })],
    config: { 'node-server': { ...files, listen: { address: '127.0.0.1', port: 0 } } },
  });
  const line = kernel.log.lines.find(({ fields }) => typeof fields['port'] === 'number');
  return [kernel, Number(line?.fields['port'])];
}

let master: TestApiServer;
const kernels: TestKernel[] = [];

async function registerNode(name: string, port: number | undefined, address: string | undefined): Promise<void> {
  const object: Node = {
    metadata: { name },
    spec: {},
    status: {
      ...(address === undefined ? {} : { addresses: [{ type: 'InternalIP', address }] }),
      ...(port === undefined ? {} : { daemonEndpoints: { kubeletEndpoint: { Port: port } } }),
    },
  };
  await master.api.create(nodes, object);
  const made = await master.api.get(nodes, { name });
  await master.api.updateStatus(nodes, { ...made, ...(object.status === undefined ? {} : { status: object.status }) });
  await master.api.create(pods, {
    metadata: { name: `on-${name}`, namespace: 'default' },
    spec: { nodeName: name, containers: [{ name: 'app', image: 'img:1' }] },
  });
}

const logOf = (node: string, query = '') =>
  master.send('GET', `/api/v1/namespaces/default/pods/on-${node}/log${query}`);

beforeAll(async () => {
  authority = await makeAuthority(env);
  await writeIdentityOf('master', 'timonel:master:m1', 'timonel:masters');
  await writeIdentityOf('far', 'system:node:far', 'system:nodes');
  await writeIdentityOf('impostor', 'system:node:other', 'system:nodes');
  master = await startApiServer({
    plugins: [nodeRemote],
    config: { 'node-remote': { ...filesOf('master'), connectTimeoutMs: 300 } },
  });
});
afterAll(async () => {
  await Promise.all(kernels.map((kernel) => kernel.stop()));
  await master?.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('logs of a node in another process', () => {
  it('come over both TLS connections, with their options', async () => {
    let seen: unknown;
    const [kernel, port] = await startNode('far', async function* logs(pod, options) {
      seen = { ...pod, container: options.container, tailLines: options.tailLines };
      yield Buffer.from('far away\n');
    });
    kernels.push(kernel);
    await registerNode('far', port, '127.0.0.1');
    const answer = await logOf('far', '?tailLines=3');
    expect(answer).toMatchObject({ status: 200, text: 'far away\n' });
    const { uid } = (await master.api.get(pods, { namespace: 'default', name: 'on-far' })).metadata;
    expect(seen).toEqual({ namespace: 'default', name: 'on-far', uid, container: 'app', tailLines: 3 });
  });

  it('follow as they are written, and end on the node when the reader goes', async () => {
    let ended = false;
    await writeIdentityOf('slow', 'system:node:slow', 'system:nodes');
    const [kernel, port] = await startNode('slow', async function* logs(_pod, { signal }) {
      yield Buffer.from('first\n');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      ended = true;
    });
    kernels.push(kernel);
    await registerNode('slow', port, '127.0.0.1');
    const path = new URL('/api/v1/namespaces/default/pods/on-slow/log?follow=true', master.url);
    const reader = new AbortController();
    const { request } = await import('node:https');
    const text = await new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${master.token}` };
      request(path, { headers, rejectUnauthorized: false, signal: reader.signal }, (response) => {
        response.on('error', () => undefined);
        response.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
      })
        .on('error', reject)
        .end();
    });
    expect(text).toBe('first\n');
    reader.abort();
    await until(() => ended, { what: 'the log to end on the node' });
  });

  it('refuses as the node refuses', async () => {
    await writeIdentityOf('waiting', 'system:node:waiting', 'system:nodes');
    // oxlint-disable-next-line require-yield
    const [kernel, port] = await startNode('waiting', async function* logs() {
      await Promise.resolve();
      throw new ApiError('BadRequest', 'container "app" is waiting to start: ContainerCreating');
    });
    kernels.push(kernel);
    await registerNode('waiting', port, '127.0.0.1');
    expect(await logOf('waiting')).toMatchObject({
      status: 400,
      body: { kind: 'Status', message: 'container "app" is waiting to start: ContainerCreating' },
    });
  });

  it.each<[string, () => Promise<number | undefined>, string | undefined, string]>([
    ['refused', async () => freePort(), '127.0.0.1', 'node "refused" (127.0.0.1:'],
    ['silent', async () => silentPort(), '127.0.0.1', 'no connection within 300 ms'],
    ['portless', async () => undefined, '127.0.0.1', 'plugin node-server'],
    ['homeless', async () => 1, undefined, 'its status has no InternalIP'],
    ['impostor', async () => impostorPort(), '127.0.0.1', 'its certificate is that of "system:node:other"'],
  ])('say which node cannot be reached, and why: %s', async (name, port, address, text) => {
    await registerNode(name, await port(), address);
    const answer = await logOf(name);
    expect(answer).toMatchObject({ status: 503, body: { kind: 'Status', reason: 'ServiceUnavailable' } });
    expect(answer.body.message).toContain(text);
    expect(answer.body.message).toContain(`node "${name}"`);
  });

  it('say so when there is no such node', async () => {
    await master.api.create(pods, {
      metadata: { name: 'on-nowhere', namespace: 'default' },
      spec: { nodeName: 'nowhere', containers: [{ name: 'app', image: 'img:1' }] },
    });
    const answer = await logOf('nowhere');
    expect(answer).toMatchObject({ status: 503 });
    expect(answer.body.message).toContain('no connection to node "nowhere"');
  });
});

/** Takes connections and says nothing. */
async function silentPort(): Promise<number> {
  const server = createTcpServer((socket) => socket.on('error', () => undefined).unref());
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  server.unref();
  kernels.push({ stop: async () => server.close() } as unknown as TestKernel);
  return (server.address() as AddressInfo).port;
}

/** A node whose address another one has now. */
async function impostorPort(): Promise<number> {
  const [kernel, port] = await startNode(
    'impostor',
    async function* logs() {
      yield Buffer.from('not mine\n');
    },
    filesOf('impostor'),
  );
  kernels.push(kernel);
  return port;
}
