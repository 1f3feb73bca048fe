import { createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { authenticator, serviceAccountTokens, type ServiceAccountClaims } from '@timonel/sdk/contracts/auth';
import type { KubeObject } from '@timonel/sdk/kube';
import { keepAuthority, makeSuccessor, signingKeyFromSecret, writeAuthority } from '@timonel/sdk/pki';
import { pluginSuite } from '@timonel/testkit';
import { authenticate } from './authenticate.ts';
import plugin from './index.ts';
import { keepSigningKey, readPublicKeys } from './signing-key.ts';
import { TokenIssuer } from './token-issuer.ts';

const real = createRealEnv();
const issuerUrl = 'https://issuer.example.com';
const claims: ServiceAccountClaims = {
  namespace: 'default',
  name: 'builder',
  uid: 'u1',
  audiences: [],
  lifetimeSeconds: 3600,
};

pluginSuite('auth-serviceaccount', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const { token } = await kernel.service(serviceAccountTokens).issue(claims);
    const ask = (bearerToken: string) => {
      const [provider] = kernel.service(authenticator).all();
      if (provider === undefined) throw new Error('no authenticator is there');
      return provider.service.authenticate({ bearerToken, certificate: undefined });
    };
    expect(await ask(token)).toMatchObject({ outcome: 'rejected' });
    expect(await ask('no token of a service account')).toEqual({ outcome: 'unknown' });
  },
}));

describe('the signing key', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-sa-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });
  const keep = (shared: boolean, where = directory) => keepSigningKey({ directory: where, shared, env: real });

  it('is made once, for its owner only', async () => {
    const key = await keep(false);
    expect((await keep(false)).equals(key)).toBe(true);
    expect((await stat(join(directory, 'sa.key'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(directory, 'sa.pub'), 'utf8')).toContain('BEGIN PUBLIC KEY');
  });

  it('is the same for all servers that have the same authority', async () => {
    const authority = await keepAuthority(real, directory);
    const other = await mkdtemp(join(tmpdir(), 'timonel-sa-'));
    try {
      await writeFile(join(other, 'ca.crt'), authority.certificatePem);
      await writeFile(join(other, 'ca.key'), authority.keyPem);
      expect((await keep(true, other)).equals(await keep(true))).toBe(true);
      expect((await keep(true)).export({ format: 'pem', type: 'pkcs8' })).not.toBe(authority.keyPem);
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });

  it('outlives the authority, and is never made from another one', async () => {
    const first = await keepAuthority(real, directory);
    const key = await keep(true);
    const { authority, linkPem } = await makeSuccessor(real, first);
    await writeAuthority(directory, {
      bundle: authority.certificatePem,
      keyPem: authority.keyPem,
      succession: linkPem,
    });
    expect((await keep(true)).equals(key)).toBe(true);
    await rm(join(directory, 'sa.key'));
    await expect(keep(true)).rejects.toThrow('sa.key is gone: copy it from another server');
  });

  it('is read for others, its public part or all of it', async () => {
    const key = await keep(false);
    const read = await readPublicKeys([join(directory, 'sa.pub'), join(directory, 'sa.key')]);
    for (const one of read) expect(one.equals(createPublicKey(key))).toBe(true);
    await expect(readPublicKeys([join(directory, 'none')])).rejects.toThrow('take it out of keyFiles');
    await writeFile(join(directory, 'bad'), 'no key');
    await expect(readPublicKeys([join(directory, 'bad')])).rejects.toThrow('cannot read');
  });

  it('is not replaced when its file is unusable', async () => {
    await writeFile(join(directory, 'sa.key'), 'no key');
    await expect(keep(false)).rejects.toThrow('remove it to have it made anew');
  });
});

describe('a token', () => {
  let nowMs: number;
  let objects: Map<string, KubeObject>;
  const audiences = [issuerUrl];
  const clock = { ...real.clock, now: () => nowMs };
  const options = { issuer: issuerUrl, audiences, clock, random: real.random };
  const issuer = new TokenIssuer({ key: signingKeyFromSecret(Buffer.from('a secret of tests')), ...options });

  beforeEach(() => {
    nowMs = Date.parse('2026-01-01T00:00:00Z');
    objects = new Map([
      ['ServiceAccount builder', { metadata: { name: 'builder', uid: 'u1' } }],
      ['Pod web', { metadata: { name: 'web', uid: 'p1' } }],
    ]);
  });
  const ask = (bearerToken: string, wanted?: readonly string[]) =>
    authenticate(
      { issuer, audiences, clock },
      { bearerToken, certificate: undefined, ...(wanted && { audiences: wanted }) },
      {
        find: (type, { name }) => Promise.resolve(objects.get(`${type.kind} ${name}`) as never),
      },
    );

  it('says who, and for how long', async () => {
    const { token, expiresAt } = await issuer.issue(claims);
    expect(expiresAt).toBe(nowMs + 3_600_000);
    expect(await ask(token)).toMatchObject({
      outcome: 'authenticated',
      user: {
        username: 'system:serviceaccount:default:builder',
        uid: 'u1',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      },
      audiences,
    });
    nowMs += 3_600_000;
    expect(await ask(token)).toMatchObject({ outcome: 'rejected' });
  });

  it('is for its audiences alone', async () => {
    const { token } = await issuer.issue({ ...claims, audiences: ['vault', 'x'] });
    expect(await ask(token)).toMatchObject({ outcome: 'rejected' });
    expect(await ask(token, ['vault', 'y'])).toMatchObject({ outcome: 'authenticated', audiences: ['vault'] });
  });

  it('ends with what it is bound to', async () => {
    const boundTo = { kind: 'Pod', name: 'web', uid: 'p1' } as const;
    const { token } = await issuer.issue({ ...claims, boundTo, node: { name: 'n1', uid: 'n' } });
    expect(await ask(token)).toMatchObject({
      user: {
        extra: { 'authentication.kubernetes.io/pod-name': ['web'], 'authentication.kubernetes.io/node-name': ['n1'] },
      },
    });
    objects.set('Pod web', { metadata: { name: 'web', uid: 'p1', deletionTimestamp: '2025-12-31T23:59:30Z' } });
    expect(await ask(token)).toMatchObject({ outcome: 'authenticated' });
    nowMs += 60_000;
    expect(await ask(token)).toMatchObject({ outcome: 'rejected' });
    objects.set('Pod web', { metadata: { name: 'web', uid: 'p2' } });
    expect(await ask(token)).toMatchObject({ outcome: 'rejected' });
  });

  it('is not believed when the account is another one of the same name, or the signature is wrong', async () => {
    const { token } = await issuer.issue(claims);
    const stranger = new TokenIssuer({ key: signingKeyFromSecret(Buffer.from('another secret')), ...options });
    expect(await ask((await stranger.issue(claims)).token)).toMatchObject({ outcome: 'rejected' });
    const [header = '', payload = '', signature = ''] = token.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    for (const forged of [`${none}.${payload}.`, `${header}.${payload}.${signature.slice(0, -4)}AAAA`])
      expect(await ask(forged)).toMatchObject({ outcome: 'rejected' });
    objects.set('ServiceAccount builder', { metadata: { name: 'builder', uid: 'u2' } });
    expect(await ask(token)).toMatchObject({ outcome: 'rejected' });
  });

  it('is not believed before its time', async () => {
    const { token } = await issuer.issue(claims);
    nowMs -= 60_000;
    expect(await ask(token)).toMatchObject({ outcome: 'rejected' });
  });

  it('outlives a change of the key where the former one is known', async () => {
    const next = signingKeyFromSecret(Buffer.from('the next secret'));
    const { token } = await issuer.issue(claims);
    const formerKey = createPublicKey(signingKeyFromSecret(Buffer.from('a secret of tests')));
    const changed = new TokenIssuer({ key: next, furtherKeys: [formerKey], ...options });
    const without = new TokenIssuer({ key: next, ...options });
    expect(await changed.read(token)).toMatchObject({ sub: 'system:serviceaccount:default:builder' });
    expect(await without.read(token)).toBeUndefined();
    const { token: fresh } = await changed.issue(claims);
    expect(await changed.read(fresh)).toBeDefined();
    expect(await without.read(fresh)).toBeDefined();
    expect(await issuer.read(fresh)).toBeUndefined();
    const kids = (await changed.publicJwks()).map(({ kid }) => kid);
    expect(new Set(kids).size).toBe(2);
  });
});
