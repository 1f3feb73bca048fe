import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { errorCode, type Env } from '@timonel/sdk';
import { issueIdentity, makeAuthority, type Identity } from '@timonel/sdk/pki';
import type { ServingCertificate } from '../pki/certificates.ts';
import { Listener } from './listener.ts';

const env = createRealEnv();
let former: Identity;
let next: Identity;
let client: Identity;
let listener: Listener;
let agent: Agent;
let port: number;

const waiting: ServerResponse[] = [];
/** What is done after a while, when the test says so. */
const due: (() => void)[] = [];
const timers: Env['timers'] = {
  ...env.timers,
  after(_ms, work) {
    due.push(work);
    return { cancel() {} };
  },
};

/** Says whether the client's certificate is believed. */
function answer({ socket, url }: IncomingMessage, response: ServerResponse): void {
  if (url === '/wait') waiting.push(response.writeHead(200));
  response[url === '/wait' ? 'write' : 'end'](String((socket as TLSSocket).authorized));
}

async function served(...authorities: readonly Identity[]): Promise<ServingCertificate> {
  const [signer = former] = authorities;
  const identity = await issueIdentity(env, signer, {
    commonName: 'server',
    names: ['localhost'],
    usages: ['server'],
  });
  return { authorityPem: authorities.map(({ certificatePem }) => certificatePem).join(''), ...identity };
}

async function ask(): Promise<{ readonly believed: string; readonly socket: TLSSocket; readonly isReused: boolean }> {
  const asking = request({ host: '127.0.0.1', port, agent });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const believed = await text(response);
  return { believed, socket: asking.socket as TLSSocket, isReused: asking.reusedSocket };
}

beforeEach(async () => {
  former = await makeAuthority(env);
  next = await makeAuthority(env, { commonName: 'next' });
  client = await issueIdentity(env, former, { commonName: 'client', usages: ['client'] });
  listener = new Listener(await served(former), answer, 10, { timers });
  port = await listener.listen({ address: '127.0.0.1', port: 0 });
  const { certificatePem: cert, keyPem: key } = client;
  agent = new Agent({ keepAlive: true, rejectUnauthorized: false, cert, key });
});
afterEach(async () => {
  waiting.length = 0;
  due.length = 0;
  agent.destroy();
  await listener.close();
});

describe('connections that are open', () => {
  it('go on when certificates change or one more authority is believed', async () => {
    expect((await ask()).believed).toBe('true');
    for (const certificate of [await served(former), await served(former, next), await served(next, former)]) {
      listener.use(certificate);
      expect(await ask()).toMatchObject({ believed: 'true', isReused: true });
    }
  });

  it('end when an authority is believed no more, and its certificates open none, nor by a session of before', async () => {
    const { believed, socket } = await ask();
    expect(believed).toBe('true');
    const closed = once(socket, 'close');
    listener.use(await served(next, former));
    listener.use(await served(next));
    await closed;
    expect(await ask()).toMatchObject({ believed: 'false', isReused: false });
  });

  it('answer what is under way, and end after a while all the same', async () => {
    const openWatch = async (): Promise<IncomingMessage> => {
      const asking = request({ host: '127.0.0.1', port, agent, path: '/wait' });
      asking.end();
      return ((await once(asking, 'response')) as [IncomingMessage])[0];
    };
    const [short, endless] = [await openWatch(), await openWatch()];
    listener.use(await served(next));
    waiting[0]?.end(', and whole');
    expect(await text(short)).toBe('true, and whole');
    const last = await ask();
    expect(last).toMatchObject({ believed: 'true', isReused: true });
    if (!last.socket.destroyed) await once(last.socket, 'close');
    const cut = text(endless).catch((error: unknown) => errorCode(error));
    for (const work of due) work();
    expect(await cut).toBe('ECONNRESET');
    expect(await ask()).toMatchObject({ believed: 'false', isReused: false });
  });
});
