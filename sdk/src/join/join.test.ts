import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { RequestListener } from 'node:http';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import {
  issueIdentity,
  makeAuthority,
  makeSuccessor,
  readCertificate,
  type Authority,
  type Identity,
} from '@timonel/sdk/pki';
import {
  callJoin,
  fetchAuthority,
  formatJoinToken,
  makeJoinToken,
  parseJoinToken,
  type ServersAnswer,
} from './index.ts';

const env = createRealEnv();
let authority: Identity;
let stranger: Identity;
let pin: string;
const servers: Server[] = [];

beforeAll(async () => {
  authority = await makeAuthority(env);
  stranger = await makeAuthority(env);
  pin = readCertificate(authority.certificatePem).publicKeyFingerprint;
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(
  handler: RequestListener,
  names = ['127.0.0.1'],
  at = env,
  signer: Authority = authority,
  subject: { commonName: string; organizations?: string[] } = { commonName: 's' },
): Promise<string> {
  const identity = await issueIdentity(at, signer, {
    ...subject,
    names,
    usages: ['server'],
    lifetimeMs: 60_000,
  });
  const server = createServer({ key: identity.keyPem, cert: identity.certificatePem }, handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json =
  (value: unknown, status = 200): RequestListener =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

const servers1 = { texts: [], lists: ['servers'] } as const;
const call = (server: string, ca: string, timeoutMs = 5000): Promise<ServersAnswer> =>
  callJoin<ServersAnswer>({ server, ca, env, timeoutMs }, 'GET', '/join/v1/servers', undefined, servers1);

describe('tokens', () => {
  it('are read as they are printed, and nothing else is', () => {
    const token = makeJoinToken(env, pin);
    const text = formatJoinToken(token);
    expect(parseJoinToken(text)).toEqual(token);
    expect(parseJoinToken(` ${text}\n`)).toEqual(token);
    expect(makeJoinToken(env, pin).secret).not.toBe(token.secret);
    for (const bad of ['', 'x', text.slice(0, -1), `${text}0`, text.replace('tml1', 'tml2'), text.toUpperCase()])
      expect(parseJoinToken(bad)).toBeUndefined();
  });
});

describe('fetchAuthority', () => {
  it('answers the authority that fits the pin', async () => {
    const server = await serve(json({ ca: authority.certificatePem }));
    const { ca, clockAheadMs } = await fetchAuthority({ server, env, timeoutMs: 5000 }, pin);
    expect(ca).toBe(authority.certificatePem);
    expect(Math.abs(clockAheadMs)).toBeLessThan(5000);
  });

  it('takes a token of an authority that has a successor by now, and believes that authority alone', async () => {
    const { authority: next, linkPem } = await makeSuccessor(env, authority);
    const answer = { ca: next.certificatePem + authority.certificatePem, succession: linkPem, servers: [] };
    const server = await serve(json(answer), ['127.0.0.1'], env, { ...next, chainPem: linkPem });
    const { ca, succession } = await fetchAuthority({ server, env, timeoutMs: 5000 }, pin);
    expect([ca, succession]).toEqual([authority.certificatePem, linkPem]);
    expect(await call(server, ca)).toMatchObject({ servers: [] });
    // Whoever only shows the certificate of the authority has not its key.
    const thief = await serve(json(answer), ['127.0.0.1'], env, stranger);
    const shown = await fetchAuthority({ server: thief, env, timeoutMs: 5000 }, pin);
    await expect(call(thief, shown.ca)).rejects.toMatchObject({ code: 'ERR_JOIN_PIN' });
  });

  it('says which of the things that can be wrong is wrong', async () => {
    const ask = async (handler: RequestListener): Promise<unknown> =>
      fetchAuthority({ server: await serve(handler), env, timeoutMs: 300 }, pin);
    await expect(ask(json({ ca: stranger.certificatePem }))).rejects.toMatchObject({
      code: 'ERR_JOIN_PIN',
      message: expect.stringContaining('nothing secret was sent'),
    });
    await expect(ask(json({ message: 'no' }, 404))).rejects.toMatchObject({ code: 'ERR_JOIN_ANSWER' });
    await expect(ask(json({ ca: 'x' }))).rejects.toMatchObject({ code: 'ERR_JOIN_ANSWER' });
    await expect(ask((_q, response) => response.end('<html>'))).rejects.toMatchObject({ code: 'ERR_JOIN_ANSWER' });
    await expect(ask((_q, response) => response.end('x'.repeat(400_000)))).rejects.toMatchObject({
      code: 'ERR_JOIN_UNREACHABLE',
    });
    await expect(ask(() => undefined)).rejects.toThrow('no answer within 300 ms');
    await expect(fetchAuthority({ server: 'https://127.0.0.1:1', env, timeoutMs: 5000 }, pin)).rejects.toMatchObject({
      code: 'ERR_JOIN_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('callJoin', () => {
  it('talks to verified servers only', async () => {
    const server = await serve(json({ servers: ['https://a:1'] }));
    expect(await call(server, authority.certificatePem)).toEqual({ servers: ['https://a:1'] });
    await expect(call(server, stranger.certificatePem)).rejects.toMatchObject({ code: 'ERR_JOIN_PIN' });
    await expect(call(await serve(json({}), ['10.0.0.1']), authority.certificatePem)).rejects.toMatchObject({
      code: 'ERR_JOIN_CERTIFICATE',
      message: expect.stringContaining('--advertise 127.0.0.1'),
    });
    const past = { ...env, clock: { ...env.clock, now: () => env.clock.now() - 3_600_000 } };
    await expect(call(await serve(json({}), ['127.0.0.1'], past), authority.certificatePem)).rejects.toMatchObject({
      code: 'ERR_JOIN_CERTIFICATE',
      message: expect.stringContaining('clock'),
    });
  });

  it.each([[['system:nodes']], [['others', 'system:nodes']]])(
    'sends nothing to a node of the cluster that answers in place of a server: %j',
    async (organizations) => {
      const asked: string[] = [];
      const note: RequestListener = (request, response) => {
        asked.push(request.url ?? '');
        json({ servers: [] })(request, response);
      };
      const node = { commonName: 'system:node:n', organizations };
      const server = await serve(note, ['127.0.0.1'], env, authority, node);
      await expect(call(server, authority.certificatePem)).rejects.toMatchObject({
        code: 'ERR_JOIN_CERTIFICATE',
        message: expect.stringContaining('the certificate of a node, not of a server'),
      });
      expect(asked).toEqual([]);
    },
  );

  it('tells refusals from trouble', async () => {
    const from = async (handler: RequestListener): Promise<unknown> =>
      call(await serve(handler), authority.certificatePem);
    await expect(from(json({ message: 'not you' }, 403))).rejects.toMatchObject({
      code: 'ERR_JOIN_REFUSED',
      status: 403,
      message: expect.stringContaining('not you'),
    });
    for (const status of [429, 500, 503])
      await expect(from(json({ message: 'later' }, status))).rejects.toMatchObject({ code: 'ERR_JOIN_BUSY', status });
    for (const bad of [{}, { servers: 'x' }, { servers: [1] }, []])
      await expect(from(json(bad))).rejects.toMatchObject({ code: 'ERR_JOIN_ANSWER' });
  });
});
