import { createServer as createHttpsServer } from 'node:https';
import type { RequestListener } from 'node:http';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { ApiService } from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority, type Identity } from '@timonel/sdk/pki';
import { manualEnv, until, type SimulatedEnv } from '@timonel/testkit';
import { ask } from './ask.ts';
import { Target } from './target.ts';

let identity: Identity;
let server: { close: () => unknown } | undefined;
let env: SimulatedEnv;
let ending: AbortController;
const opened: { destroyed: boolean }[] = [];

beforeAll(async () => {
  const real = createRealEnv();
  const profile = { commonName: 'x', usages: ['server', 'client'] } as const;
  identity = await issueIdentity(real, await makeAuthority(real), profile);
});
afterEach(() => {
  server?.close();
  for (const socket of opened.splice(0) as unknown as { destroy: () => void }[]) socket.destroy();
});

async function targetOf(listening: Server): Promise<Target> {
  server = listening;
  env = manualEnv();
  ending = new AbortController();
  listening.on('connection', (socket: { destroyed: boolean; on: (name: string, fn: () => void) => void }) => {
    socket.on('error', () => undefined);
    opened.push(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const spec: NonNullable<ApiService['spec']> = {
    insecureSkipTLSVerify: true,
    groupPriorityMinimum: 1,
    versionPriority: 1,
  };
  return new Target({ namespace: 'default', name: 'x', port: 443 }, spec, {
    timers: env.timers,
    dial: () => Promise.resolve(connect(port, '127.0.0.1')),
    identity: () => Promise.resolve(identity),
    signal: ending.signal,
  });
}

const https = (listener: RequestListener): Server =>
  createHttpsServer({ key: identity.keyPem, cert: identity.certificatePem }, listener);
const closed = (): Promise<boolean> =>
  until(() => opened.length > 0 && opened.every(({ destroyed }) => destroyed), { what: 'the end of the connection' });

describe('a connection to a server', () => {
  it('ends when the server takes it and never speaks TLS', async () => {
    const target = await targetOf(createServer((socket) => socket.resume()));
    const refused = expect(target.connect()).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: 'error trying to reach service: no connection within 10000 ms',
    });
    await until(() => opened.length > 0, { what: 'the connection' });
    await env.advance(10_000);
    await refused;
    await closed();
  });

  it('ends with the APIService', async () => {
    const target = await targetOf(createServer((socket) => socket.resume()));
    const refused = expect(target.connect()).rejects.toThrow('the APIService is gone');
    await until(() => opened.length > 0, { what: 'the connection' });
    ending.abort();
    await refused;
    await closed();
    await expect(target.connect()).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });

  it('is one of so many', async () => {
    const target = await targetOf(https(() => undefined));
    const sockets = await Promise.all(Array.from({ length: 400 }, () => target.connect()));
    await expect(target.connect()).rejects.toMatchObject({ reason: 'TooManyRequests' });
    sockets[0]?.destroy();
    await until(async () => (await target.connect()).destroy(), { what: 'a free place' });
    for (const socket of sockets) socket.destroy();
  });
});

describe('a question to a server', () => {
  it('is given up when no answer comes, or none that ends', async () => {
    const target = await targetOf(
      https((request, response) => {
        if (request.url === '/endless') response.writeHead(200).write('{');
      }),
    );
    for (const path of ['/never', '/endless']) {
      const before = opened.length;
      const failed = expect(ask(target, path, env.timers)).rejects.toThrow();
      await until(() => opened.length > before, { what: 'the connection' });
      await until(async () => (await env.advance(5000), opened.every(({ destroyed }) => destroyed)), {
        what: 'the end',
      });
      await failed;
    }
  });

  it.each<[string, RequestListener, RegExp]>([
    ['another status', (_, response) => response.writeHead(302, { location: 'https://x' }).end(), /bad status.*302/],
    ['no JSON', (_, response) => response.end('<html>'), /no JSON/],
    ['too much', (_, response) => response.end(Buffer.alloc(5 * 1024 * 1024)), /larger than/],
  ])('has no answer in %s', async (_, listener, words) => {
    const target = await targetOf(https(listener));
    await expect(ask(target, '/', env.timers)).rejects.toThrow(words);
    await closed();
  });
});
