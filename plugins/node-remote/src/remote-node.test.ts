/** Nodes that do not answer, or only in part: nobody waits for ever, and the end of the plugin is the end of all. */
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority, type Identity } from '@timonel/sdk/pki';
import { manualEnv, until } from '@timonel/testkit';
import { RemoteNode } from './remote-node.ts';
import { Turnstile } from './turnstile.ts';

const env = createRealEnv();
const pod = { namespace: 'default', name: 'web', uid: 'u1' };
const session = { container: 'app', stdin: false, tty: false };
const logOptions = {
  container: 'app',
  follow: false,
  previous: false,
  tailLines: undefined,
  limitBytes: undefined,
  sinceSeconds: undefined,
  sinceTime: undefined,
  timestamps: false,
  signal: new AbortController().signal,
};
const sockets = new Set<Socket>();
let authority: Identity;
let identity: Identity;
let server: Server;

beforeAll(async () => {
  authority = await makeAuthority(env);
  const subject = { commonName: 'system:node:n1', organizations: ['system:nodes'] };
  identity = await issueIdentity(env, authority, { ...subject, usages: ['server', 'client'] });
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

async function portOf(made: Server): Promise<number> {
  server = made;
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function nodeAt(port: number, timers = env.timers) {
  const credentials = {
    ca: authority.certificatePem,
    cert: identity.certificatePem,
    key: identity.keyPem,
    token: undefined,
  };
  const times = { connectTimeoutMs: 60_000, answerTimeoutMs: 1000, idleTimeoutMs: 60_000 };
  const turnstile = new Turnstile(1);
  const address = { nodeName: 'n1', host: '127.0.0.1', port };
  return { turnstile, node: new RemoteNode(address, { timers, ...times, credentials }, turnstile) };
}

describe('a node that takes a connection and says nothing', () => {
  const calls: readonly [string, (node: RemoteNode) => Promise<unknown>][] = [
    ['usage', (node) => node.usage()],
    ['network', (node) => node.network()],
    ['logs', (node) => node.logs(pod, logOptions).next()],
    ['exec', (node) => node.exec(pod, { ...session, command: ['true'] })],
    ['attach', (node) => node.attach(pod, session)],
    ['portForward', (node) => node.portForward(pod, 80)],
    ['connect', (node) => node.connect()],
  ];
  it.each(calls)('%s: is given up with the plugin', async (_name, call) => {
    const port = await portOf(createServer((socket) => socket.resume()));
    const { node, turnstile } = nodeAt(port, manualEnv().timers);
    const called = call(node);
    called.catch(() => undefined);
    await until(() => sockets.size === 1, { what: 'the connection' });
    turnstile.close();
    await expect(called).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: expect.stringContaining('the request was given up'),
    });
    await until(() => sockets.size === 0, { what: 'the connection to be closed' });
    turnstile.enter(new AbortController().signal); // its place is free
  });
});

describe('a node that stops in the midst of its answer', () => {
  it.each([
    [200, 'usage'],
    [503, 'usage'],
    [503, 'logs'],
  ])('%i to %s: is given up in time', async (code, what) => {
    const tls = { cert: identity.certificatePem, key: identity.keyPem };
    const port = await portOf(
      createHttpsServer(tls, (_request, response) => {
        response.writeHead(code, { 'content-type': 'application/json' }).write('{"kind":"Status",');
      }),
    );
    const { node, turnstile } = nodeAt(port);
    await expect(what === 'usage' ? node.usage() : node.logs(pod, logOptions).next()).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: expect.stringContaining('only a part of its answer within 1000 ms'),
    });
    await until(() => sockets.size === 0, { what: 'the connection to be closed' });
    turnstile.enter(new AbortController().signal);
  });
});
