/** What a call does with credentials, where no server can stand for the registry: it is not on this machine. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { Authorizer } from './auth/authorizer.ts';
import { candidatesOf } from './auth/candidates.ts';
import { Tokens } from './auth/tokens.ts';
import { Caller, type Target } from './caller.ts';
import { configSchema } from './config.ts';
import type { Answer } from './http/answer.ts';
import type { Transport, TransportRequest } from './http/transport.ts';
import { Retries } from './retry.ts';
import { failureOf } from './testing/fake-registry.ts';

const env = createRealEnv();
const config = configSchema.parse({ tries: 1 });

function answer(request: TransportRequest, status: number, headers: Readonly<Record<string, string>>): Answer {
  const message = Object.assign(Readable.from([]), { headers, complete: true }) as unknown as IncomingMessage;
  return { method: request.method, status, message, url: request.url, crossed: false, timers: env.timers };
}

function callerOf(send: (request: TransportRequest) => Answer): Caller {
  const transport = { send: (request: TransportRequest) => Promise.resolve(send(request)) } as unknown as Transport;
  const authorizer = new Authorizer(new Tokens(env, config, transport));
  return new Caller({
    env,
    config,
    transport,
    schemes: undefined as never,
    authorizer,
    retries: new Retries(env, config),
  });
}

function mirror(scheme: 'http' | 'https', plain: readonly string[] = []): Target {
  const host = 'mirror.example:5000';
  const endpoint = { registry: host, authority: host, scheme, prefix: '', mirrorOf: 'docker.io' };
  const candidates = candidatesOf([{ registry: host, username: 'u', password: 'p' }], host, 'a');
  return { endpoint, repository: 'a', candidates, plain: new Set(plain), signal: undefined };
}

const get = { method: 'GET', to: 'manifests/latest', expected: [200] };

describe('credentials for a host elsewhere', () => {
  const demanding =
    (seen: TransportRequest[], challenge: string) =>
    (request: TransportRequest): Answer => {
      seen.push(request);
      if (request.url.pathname === '/token') throw new Error('the token server was asked');
      return answer(request, request.authorization === undefined ? 401 : 200, { 'www-authenticate': challenge });
    };

  it('are not sent by plain HTTP; nobody is tried, and the message says why', async () => {
    const seen: TransportRequest[] = [];
    const { message } = await failureOf(callerOf(demanding(seen, 'Basic')).call(mirror('http'), get));
    expect(message).toBe(
      'credentials are not sent to http://mirror.example:5000, without encryption (tried as u, nobody)',
    );
    expect(seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it.each([
    ['https', []],
    ['http', ['mirror.example:5000']],
  ] as const)('are sent by %s when %j is allowed', async (scheme, plain) => {
    const seen: TransportRequest[] = [];
    const { status } = await callerOf(demanding(seen, 'Basic')).call(mirror(scheme, plain), get);
    expect(status).toBe(200);
    expect(seen.map(({ authorization }) => authorization)).toEqual([undefined, 'Basic dTpw']);
  });

  it.each([
    ['http://tokens.example/token', 'credentials to be sent to http://tokens.example, without encryption'],
    ['https://127.0.0.1/token', 'an address of this node'],
    ['https://[::1]/token', 'an address of this node'],
    ['http://mirror.example:5001/token', 'which is plain HTTP'],
  ])('are not sent to a token server at %s', async (realm, text) => {
    const seen: TransportRequest[] = [];
    const call = callerOf(demanding(seen, `Bearer realm="${realm}"`)).call(mirror('https'), get);
    expect((await failureOf(call)).message).toMatch(new RegExp(`${text}|which is plain HTTP`));
    expect(seen).toHaveLength(1);
  });
});
