import { createServer, type Server } from 'node:https';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { authenticator, type Authentication, type Credentials } from '@timonel/sdk/contracts/auth';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { pluginSuite, startTestKernel, type TestKernel } from '@timonel/testkit';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import plugin from './index.ts';

pluginSuite('auth-oidc', () => ({ entry: { definition: plugin, source: 'built-in' }, dependencies: [] }));

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

const env = createRealEnv();
let directory: string;
let server: Server;
let issuer: string;
let kernel: TestKernel;
let key: Key;
let stranger: Key;
/** What the issuer answers, by path. */
const answers = new Map<string, unknown>();
let asked = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-oidc-'));
  const authority = await makeAuthority(env);
  const identity = await issueIdentity(env, authority, { commonName: 'idp', names: ['127.0.0.1'], usages: ['server'] });
  const caFile = join(directory, 'ca.crt');
  writeFileSync(caFile, authority.certificatePem);
  server = createServer({ cert: identity.certificatePem, key: identity.keyPem }, (request, response) => {
    asked += 1;
    const answer = answers.get(request.url ?? '');
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pair = await generateKeyPair('RS256', { extractable: true });
  key = pair.privateKey;
  stranger = (await generateKeyPair('RS256')).privateKey;
  answers.set('/.well-known/openid-configuration', { issuer, jwks_uri: `${issuer}/keys` });
  answers.set('/keys', { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }] });
  const providers = [
    {
      issuer,
      audiences: ['timonel'],
      caFile,
      usernameClaim: 'email',
      groupsClaim: 'groups',
      groupsPrefix: 'idp:',
      requiredClaims: { tenant: 'a' },
    },
  ];
  kernel = await startTestKernel({ plugins: [plugin], config: { 'auth-oidc': { providers } } });
});
afterAll(async () => {
  await kernel.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

interface Wish {
  readonly by?: Key;
  readonly kid?: string;
  readonly claims?: JWTPayload;
  readonly at?: number;
  readonly audience?: string;
}

const nowSeconds = (): number => Math.floor(env.clock.now() / 1000);
const claims = { email: 'jane@example.com', groups: ['dev', 'ops'], tenant: 'a' };

function token({
  by = key,
  kid = 'k',
  claims: more = {},
  at = nowSeconds(),
  audience = 'timonel',
}: Wish = {}): Promise<string> {
  return new SignJWT({ ...claims, ...more })
    .setProtectedHeader({ alg: 'RS256', kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setNotBefore(at)
    .setExpirationTime(at + 60)
    .sign(by);
}

function ask(bearerToken: string, more: Partial<Credentials> = {}): Promise<Authentication> {
  const [provider] = kernel.service(authenticator).all();
  if (provider === undefined) throw new Error('there is no authenticator');
  return provider.service.authenticate({ bearerToken, certificate: undefined, ...more });
}

describe('ID tokens', () => {
  it('say who somebody is', async () => {
    expect(await ask(await token())).toEqual({
      outcome: 'authenticated',
      user: {
        username: 'jane@example.com',
        uid: '',
        groups: ['idp:dev', 'idp:ops', 'system:authenticated'],
        extra: {},
      },
    });
  });

  it('are known also where somebody asks for audiences, and name none: they are for the server alone', async () => {
    const answer = await ask(await token(), { audiences: ['timonel', 'vault'] });
    expect(answer).toMatchObject({ outcome: 'authenticated', user: { username: 'jane@example.com' } });
    expect(answer).not.toHaveProperty('audiences');
  });

  it.each<[string, () => Promise<string>]>([
    ['expired', () => token({ at: nowSeconds() - 3600 })],
    ['not valid yet', () => token({ at: nowSeconds() + 3600 })],
    ['for somebody else', () => token({ audience: 'other' })],
    ['signed by another key', () => token({ by: stranger })],
    ['of a key that nobody knows', () => token({ kid: 'other' })],
    ['changed', async () => (await token()).replace(/\.[^.]{8}/, '.eyJhIjoi')],
    ['of another tenant', () => token({ claims: { tenant: 'b' } })],
    ['of an address that is not verified', () => token({ claims: { email_verified: false } })],
    ['of nobody', () => token({ claims: { email: '' } })],
    ["of the cluster's own", () => token({ claims: { email: 'system:admin' } })],
  ])('are not believed when they are %s', async (_, made) => {
    expect((await ask(await made())).outcome).not.toBe('authenticated');
  });

  it('without a signature, or by the public key as a secret, are not believed', async () => {
    const [, payload = ''] = (await token()).split('.');
    const header = (alg: string): string => Buffer.from(JSON.stringify({ alg, kid: 'k' })).toString('base64url');
    expect(await ask(`${header('none')}.${payload}.`)).toMatchObject({ outcome: 'rejected' });
    expect(await ask(`${header('HS256')}.${payload}.c2ln`)).toMatchObject({ outcome: 'rejected' });
  });

  it("give no group that is the cluster's own", async () => {
    const unprefixed = { email: 'jane@example.com', groups: ['system:masters'] };
    const { userOf } = await import('./claims.ts');
    const provider = { issuer, audiences: [], usernameClaim: 'email', groupsClaim: 'groups', groupsPrefix: '' };
    expect(userOf(unprefixed, { ...provider, requiredClaims: {}, algorithms: ['RS256'] })).toMatchObject({
      user: { groups: ['system:authenticated'] },
    });
  });

  it('of others are left to others', async () => {
    const other = await new SignJWT({}).setProtectedHeader({ alg: 'RS256' }).setIssuer('https://other').sign(key);
    for (const text of [other, 'abc', 'a.b.c', '']) expect(await ask(text)).toEqual({ outcome: 'unknown' });
  });

  it('with unknown keys do not make a request each', async () => {
    await ask(await token({ kid: 'x' }));
    const before = asked;
    for (let count = 0; count < 20; count += 1) await ask(await token({ kid: `x${count}` }));
    expect(asked).toBe(before);
  });
});

describe('an issuer', () => {
  const read = async (change: () => void): Promise<Authentication> => {
    const saved = new Map(answers);
    change();
    const providers = [{ issuer, audiences: ['timonel'], caFile: join(directory, 'ca.crt') }];
    const own = await startTestKernel({ plugins: [plugin], config: { 'auth-oidc': { providers } } });
    try {
      const [provider] = own.service(authenticator).all();
      const bearerToken = await token({ claims: { sub: 'jane' } });
      return (await provider?.service.authenticate({ bearerToken, certificate: undefined })) ?? { outcome: 'unknown' };
    } finally {
      await own.stop();
      for (const [path, answer] of saved) answers.set(path, answer);
    }
  };

  it('names users by itself where nothing else is said', async () => {
    expect(await read(() => undefined)).toMatchObject({ user: { username: `${issuer}#jane` } });
  });

  it.each<[string, () => void]>([
    ['is away', () => answers.delete('/keys')],
    ['answers rubbish', () => answers.set('/keys', 'no JSON')],
    ['answers without an end', () => answers.set('/keys', `{"keys":["${'x'.repeat(2 * 1024 * 1024)}"]}`)],
    [
      'is another',
      () => answers.set('/.well-known/openid-configuration', { issuer: 'https://other', jwks_uri: `${issuer}/keys` }),
    ],
    [
      'sends elsewhere',
      () => answers.set('/.well-known/openid-configuration', { issuer, jwks_uri: 'http://127.0.0.1/keys' }),
    ],
  ])('that %s lets nobody in', async (_, change) => {
    expect(await read(change)).toMatchObject({ outcome: 'rejected' });
  });
});
