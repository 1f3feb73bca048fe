import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority, type Identity } from '@timonel/sdk/pki';
import type { Credentials } from '@timonel/sdk/tls';
import { Listener } from './listener.ts';

const env = createRealEnv();
let former: Identity;
let next: Identity;
let server: Identity;
let listener: Listener;
let socket: TLSSocket;

const credentials = (...authorities: readonly Identity[]): Credentials => ({
  ca: authorities.map(({ certificatePem }) => certificatePem).join(''),
  cert: server.certificatePem,
  key: server.keyPem,
  token: undefined,
});

/** Whether the server answers on the connection that is open. */
async function isAnswered(): Promise<boolean> {
  socket.write('GET / HTTP/1.1\r\nHost: node\r\n\r\n');
  const answer = once(socket, 'data').then(() => true);
  return Promise.race([answer, once(socket, 'close').then(() => false)]);
}

beforeEach(async () => {
  former = await makeAuthority(env);
  next = await makeAuthority(env, { commonName: 'next' });
  server = await issueIdentity(env, former, { commonName: 'node', usages: ['server'] });
  listener = new Listener(
    credentials(former),
    10,
    (_request, response) => response.end(),
    (_request, upgraded) => upgraded.destroy(),
  );
  const port = await listener.listen('127.0.0.1', 0);
  socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
});
afterEach(async () => {
  socket.destroy();
  await listener.close();
});

describe('connections to the node', () => {
  it('go on while as many authorities are believed, and end when one is believed no more', async () => {
    expect(await isAnswered()).toBe(true);
    listener.use(credentials(former, next));
    listener.use(credentials(next, former));
    expect(await isAnswered()).toBe(true);
    listener.use(credentials(next));
    expect(await isAnswered()).toBe(false);
  });
});
