/** Who a client certificate makes its bearer, and what happens to connections when certificates grow old. */
import { request, Agent } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { definePlugin } from '@timonel/sdk';
import { apiEndpoint, routeProvider, type RouteRequest } from '@timonel/sdk/contracts/api-server';
import {
  issueIdentity,
  makeAuthority,
  readCertificate,
  readIdentity,
  type CertificateProfile,
  type Identity,
} from '@timonel/sdk/pki';
import { until } from '@timonel/testkit';
import authCertificate from '@timonel/plugin-auth-certificate';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const env = createRealEnv();
const agents: Agent[] = [];

/** Shows what a handler sees: on one path to everybody, on the other one to users. */
const mirror = definePlugin({
  name: 'mirror',
  version: '0.1.0',
  apiVersion: 1,
  provides: { routes: routeProvider },
  setup() {
    const handle = ({ user, certificate, remoteAddress, body }: RouteRequest) =>
      Promise.resolve({
        kind: 'object' as const,
        status: 200,
        object: { user, certificate, remoteAddress, size: JSON.stringify(body ?? '').length },
      });
    const routes = [
      { method: 'GET' as const, path: '/mirror/user', handle },
      { method: 'GET' as const, path: '/mirror/anybody', anonymous: true, handle },
      { method: 'POST' as const, path: '/mirror/anybody', anonymous: true, handle },
    ];
    return { provides: { routes: { routes: () => routes } } };
  },
});

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line no-explicit-any
  readonly body: any;
  readonly serial: string;
}

function agentFor(ca: string, identity?: Identity): Agent {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca,
    ...(identity === undefined ? {} : { key: identity.keyPem, cert: identity.certificatePem }),
  });
  agents.push(agent);
  return agent;
}

function call(url: string, agent: Agent, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: body === undefined ? 'GET' : 'POST' }, (response) => {
      let text = '';
      const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text), serial }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    if (body !== undefined) sent.setHeader('content-type', 'application/json');
    sent.end(body);
  });
}

async function authorityOf(server: TestApiServer): Promise<Identity> {
  const found = await readIdentity(join(server.kernel.dataDir, 'apiserver', 'pki'), 'ca');
  if (found === undefined) throw new Error('the server has no authority');
  return found;
}

afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy();
});

describe('client certificates', () => {
  let server: TestApiServer;
  let authority: Identity;
  const client: CertificateProfile = {
    commonName: 'system:node:a',
    organizations: ['system:nodes', 'b'],
    usages: ['client'],
  };

  beforeAll(async () => {
    server = await startApiServer({ plugins: [authCertificate, mirror] });
    authority = await authorityOf(server);
  });
  afterAll(() => server.stop());

  const ask = (path: string, identity?: Identity): Promise<Answer> =>
    call(server.url + path, agentFor(authority.certificatePem, identity));

  it('name the user and the groups', async () => {
    const identity = await issueIdentity(env, authority, client);
    const { status, body } = await ask('/mirror/user', identity);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      user: { username: 'system:node:a', groups: ['system:nodes', 'b', 'system:authenticated'] },
      certificate: {
        commonName: 'system:node:a',
        publicKeyFingerprint: readCertificate(identity.certificatePem).publicKeyFingerprint,
      },
      remoteAddress: '127.0.0.1',
    });
    expect((await ask('/api/v1/namespaces', identity)).status).toBe(200);
  });

  it('count as none when another authority signed them, for another purpose, or out of time', async () => {
    const clock = (ms: number) => ({ ...env, clock: { ...env.clock, now: () => env.clock.now() + ms } });
    const none = await ask('/mirror/user');
    expect(none).toMatchObject({ status: 401, body: { reason: 'Unauthorized', message: 'Unauthorized' } });
    for (const identity of [
      await issueIdentity(env, await makeAuthority(env), client),
      await issueIdentity(env, authority, { ...client, usages: ['server'] }),
      await issueIdentity(clock(-100_000), authority, { ...client, lifetimeMs: 50_000 }),
      await issueIdentity(clock(100_000), authority, { ...client, lifetimeMs: 50_000 }),
    ]) {
      const refused = await ask('/mirror/user', identity);
      expect(refused).toMatchObject({ status: none.status, body: none.body });
      expect((await ask('/mirror/anybody', identity)).body.certificate).toBeUndefined();
    }
  });

  it('end at their time on an open connection', async () => {
    const identity = await issueIdentity(env, authority, { ...client, lifetimeMs: 6000 });
    const agent = agentFor(authority.certificatePem, identity);
    expect((await call(`${server.url}/mirror/user`, agent)).status).toBe(200);
    await until(async () => (await call(`${server.url}/mirror/user`, agent)).status === 401, {
      what: 'the certificate to expire',
      timeoutMs: 10_000,
    });
  });

  it('tokens go on beside them', async () => {
    expect((await server.send('GET', '/mirror/user')).body.user.username).toBe('admin');
  });

  it('a route for everybody tells strangers from users, and takes small bodies only', async () => {
    expect((await ask('/mirror/anybody')).body.user).toMatchObject({
      username: 'system:anonymous',
      groups: ['system:unauthenticated'],
    });
    expect((await server.send('GET', '/mirror/anybody')).body.user.username).toBe('admin');
    expect((await server.send('GET', '/mirror/anybody', { token: 'wrong' })).body.user.username).toBe(
      'system:anonymous',
    );
    const agent = (): Agent => agentFor(authority.certificatePem);
    const small = await call(`${server.url}/mirror/anybody`, agent(), JSON.stringify('x'.repeat(60_000)));
    expect(small.status).toBe(200);
    const large = await call(`${server.url}/mirror/anybody`, agent(), JSON.stringify('x'.repeat(70_000)));
    expect(large).toMatchObject({ status: 413 });
    expect((await ask('/mirror/none')).status).toBe(401);
  });
});

describe('the serving certificate', () => {
  it('is renewed while the server runs: open connections go on, new ones see the new one', async () => {
    const server = await startApiServer({
      plugins: [authCertificate, mirror],
      apiserver: { pki: { lifetimeMs: 4000, checkPeriodMs: 100 } },
    });
    try {
      const ca = server.kernel.service(apiEndpoint).caCertificate();
      const open = agentFor(ca);
      const first = await call(`${server.url}/mirror/anybody`, open);
      const fresh = async (): Promise<Answer> => call(`${server.url}/mirror/anybody`, agentFor(ca));
      expect((await fresh()).serial).toBe(first.serial);
      const renewed = await until(
        async () => {
          const answer = await fresh();
          return answer.serial === first.serial ? undefined : answer;
        },
        { what: 'a new serving certificate', timeoutMs: 10_000 },
      );
      expect(renewed.status).toBe(200);
      expect(await call(`${server.url}/mirror/anybody`, open)).toMatchObject({ status: 200, serial: first.serial });
      expect(server.kernel.service(apiEndpoint).caCertificate()).toBe(ca);
    } finally {
      await server.stop();
    }
  });
});
