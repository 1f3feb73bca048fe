/** Attacks on who somebody is, against what `timonel up` serves: forged and stale tokens, certificates of strangers, headers that lie. */
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Env } from '@timonel/sdk';
import { pods, serviceAccounts } from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority, type CertificateProfile, type Identity } from '@timonel/sdk/pki';
import { until } from '@timonel/testkit';
import { startAccessBed, type AccessBed } from '../support/access-bed.ts';
import { sendRaw, type RawAnswer } from '../support/raw-client.ts';

const weak = 'token-of-somebody-without-rights';
const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const namespace = 'default';
const dayMs = 86_400_000;

let bed: AccessBed;
let key: KeyObject;
let authority: Identity;

const fileOf = (...parts: string[]): string => readFileSync(join(bed.server.kernel.dataDir, ...parts), 'utf8');

beforeAll(async () => {
  bed = await startAccessBed([{ token: weak, username: 'weak' }]);
  key = createPrivateKey(fileOf('auth-serviceaccount', 'pki', 'sa.key'));
  authority = { certificatePem: fileOf('apiserver', 'pki', 'ca.crt'), keyPem: fileOf('apiserver', 'pki', 'ca.key') };
});
afterAll(() => bed?.stop());

type Claims = Record<string, unknown>;

async function tokenOf(account: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const { body } = await bed.server.send('POST', path, { body: { spec: {} } });
  return body.status.token;
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const decoded = (part: string): Claims => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Claims;

/** The token of an account with other claims, signed anew: by the server's own key unless another is given. */
function forged(token: string, claims: Claims = {}, by: KeyObject = key, header: Claims = {}): string {
  const [head = '', payload = ''] = token.split('.');
  const text = `${encoded({ ...decoded(head), ...header })}.${encoded({ ...decoded(payload), ...claims })}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: by, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const statusFor = async (token: string): Promise<number> => (await bed.server.send('GET', '/api', { token })).status;

describe('tokens of service accounts', () => {
  let token: string;
  const nowSeconds = (): number => Math.floor(Date.now() / 1000);

  beforeAll(async () => {
    await bed.server.api.create(serviceAccounts, { metadata: { name: 'builder', namespace } });
    token = await tokenOf('builder');
  });

  it('a token made with the key of the server is believed: the forgeries fail for what is wrong with them', async () => {
    expect(await statusFor(forged(token))).toBe(200);
  });

  it.each<[string, () => string]>([
    ['expired', () => forged(token, { exp: nowSeconds() - 1 })],
    ['not yet valid', () => forged(token, { nbf: nowSeconds() + 3600 })],
    ['without an end', () => forged(token, { exp: undefined })],
    ['for another audience', () => forged(token, { aud: ['https://vault.example.com'] })],
    ['for nobody', () => forged(token, { aud: [] })],
    ['of another issuer', () => forged(token, { iss: 'https://issuer.example.com' })],
    ['by another key', () => forged(token, {}, generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey)],
    ['by a key that is not known', () => forged(token, {}, key, { kid: 'other' })],
    ['without a signature', () => `${forged(token, {}, key, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`],
    [
      'signed by the public key as a secret',
      () => {
        const text = forged(token, {}, key, { alg: 'HS256' }).split('.').slice(0, 2).join('.');
        const secret = createPublicKey(key).export({ type: 'spki', format: 'pem' });
        return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
      },
    ],
    [
      'with other claims under an old signature',
      () => {
        const [head = '', payload = '', signature = ''] = token.split('.');
        return `${head}.${encoded({ ...decoded(payload), exp: nowSeconds() + 7 * 86_400 })}.${signature}`;
      },
    ],
    [
      'of an account that is not there',
      () => forged(token, { 'kubernetes.io': { namespace, serviceaccount: { name: 'ghost', uid: '1' } } }),
    ],
    [
      'of an account with another uid',
      () => forged(token, { 'kubernetes.io': { namespace, serviceaccount: { name: 'builder', uid: '1' } } }),
    ],
  ])('%s: 401', async (_, make) => {
    expect(await statusFor(make())).toBe(401);
  });

  it('end with their account, and do not come back with one of the same name', async () => {
    await bed.server.api.create(serviceAccounts, { metadata: { name: 'brief', namespace } });
    const brief = await tokenOf('brief');
    expect(await statusFor(brief)).toBe(200);
    await bed.server.api.delete(serviceAccounts, { name: 'brief', namespace });
    await until(async () => (await statusFor(brief)) === 401, { what: 'the token to end' });
    await bed.server.api.create(serviceAccounts, { metadata: { name: 'brief', namespace } });
    expect(await statusFor(brief)).toBe(401);
  });

  it('are not made for a pod of another account', async () => {
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await bed.server.api.create(pods, { metadata: { name: 'web', namespace }, spec });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'web' };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/builder/token`;
    const { status } = await bed.server.send('POST', path, { body: { spec: { boundObjectRef } } });
    expect(status).toBe(400);
  });
});

describe('certificates', () => {
  const real = createRealEnv();
  const admin: CertificateProfile = { commonName: 'mallory', organizations: ['system:masters'], usages: ['client'] };
  const at = (ms: number): Env => ({ ...real, clock: { ...real.clock, now: () => Date.now() + ms } });
  const asked = async (identity: Identity, lines: readonly string[] = []): Promise<RawAnswer> =>
    sendRaw(bed.server.url, { path: '/api/v1/secrets', lines }, identity);

  it("one of the cluster's authority is believed: the others fail for what is wrong with them", async () => {
    expect((await asked(await issueIdentity(real, authority, admin))).status).toBe(200);
    const jane = { ...admin, organizations: ['developers'] };
    expect((await asked(await issueIdentity(real, authority, jane))).status).toBe(403);
  });

  it.each<[string, () => Promise<Identity>]>([
    ['of another authority', async () => issueIdentity(real, await makeAuthority(real), admin)],
    [
      'of another authority with the name of the right one',
      async () => issueIdentity(real, await makeAuthority(real, { commonName: 'timonel-ca' }), admin),
    ],
    ['that has expired', () => issueIdentity(at(-10 * dayMs), authority, { ...admin, lifetimeMs: dayMs })],
    ['that is not valid yet', () => issueIdentity(at(10 * dayMs), authority, { ...admin, lifetimeMs: dayMs })],
    ['for servers', () => issueIdentity(real, authority, { ...admin, usages: ['server'] })],
    ['signed by a certificate that is no authority', async () => issueIdentity(real, await leaf(), admin)],
    [
      'of the API server itself',
      async () => ({
        certificatePem: fileOf('apiserver', 'pki', 'apiserver.crt'),
        keyPem: fileOf('apiserver', 'pki', 'apiserver.key'),
      }),
    ],
    [
      'of the proxy in front of other servers',
      async () => ({
        certificatePem: fileOf('api-aggregation', 'pki', 'front-proxy-client.crt'),
        keyPem: fileOf('api-aggregation', 'pki', 'front-proxy-client.key'),
      }),
    ],
  ])('one %s: 401', async (_, make) => {
    const identity = await make();
    expect((await asked(identity)).status).toBe(401);
    // It takes nothing from who has a token, and adds nothing.
    expect((await asked(identity, [`Authorization: Bearer ${weak}`])).status).toBe(403);
  });

  const leaf = (): Promise<Identity> => issueIdentity(real, authority, { ...admin, organizations: [] });
});

describe('headers that lie', () => {
  const user = async (...lines: string[]): Promise<RawAnswer> =>
    sendRaw(bed.server.url, { method: 'POST', path: whoami, lines, body: '{}' });
  const nameIn = ({ text }: RawAnswer): unknown =>
    (JSON.parse(text) as { status?: { userInfo?: { username?: unknown } } }).status?.userInfo?.username;
  const authorization = (token: string): string => `Authorization: Bearer ${token}`;

  it.each([
    ['X-Remote-User: admin', 'X-Remote-Group: system:masters'],
    ['X_Remote_User: admin', 'X_Remote_Group: system:masters'],
    ['X-Remote-Extra-Scopes: all', 'X-Remote-Uid: 0'],
    ['X-Forwarded-User: admin', 'X-Forwarded-Groups: system:masters'],
    [
      'X-Forwarded-Client-Cert: Subject="O=system:masters,CN=admin"',
      'X-Client-Cert: x',
      'X-Ssl-Client-Verify: SUCCESS',
    ],
    ['Impersonate_User: admin', 'Impersonate_Group: system:masters'],
    ['Connection: Authorization', 'Proxy-Authorization: Bearer x'],
  ])('%s: the user stays who he is, and a stranger a stranger', async (...lines) => {
    expect(nameIn(await user(authorization(weak), ...lines))).toBe('weak');
    expect((await user(...lines)).status).toBe(401);
  });

  it('the first of several Authorization headers counts, and never two of them', async () => {
    const admin = bed.server.token;
    expect(nameIn(await user(authorization(weak), authorization(admin)))).toBe('weak');
    expect((await user(authorization('none-that-is-known'), authorization(admin))).status).toBe(401);
    for (const joined of [`${weak}, Bearer ${admin}`, `${weak},${admin}`, `${weak} ${admin}`])
      expect((await user(authorization(joined))).status).toBe(401);
    for (const other of [`Basic ${Buffer.from(`admin:${admin}`).toString('base64')}`, `Token ${admin}`, admin])
      expect((await user(`Authorization: ${other}`)).status).toBe(401);
  });

  it.each([
    ['two users', ['Impersonate-User: weak', 'Impersonate-User: admin'], 400],
    ['two users by two spellings', ['impersonate-user: weak', 'IMPERSONATE-USER: admin'], 400],
    ['two uids', ['Impersonate-User: weak', 'Impersonate-Uid: 1', 'impersonate-uid: 2'], 400],
    ['groups without a user', ['Impersonate-Group: system:masters'], 400],
    ['an empty user', ['Impersonate-User:', 'Impersonate-Group: system:masters'], 400],
    ['himself with more groups', ['Impersonate-User: weak', 'Impersonate-Group: system:masters'], 403],
    ['the plugins of the server', ['Impersonate-User: system:timonel'], 403],
    ['a node', ['Impersonate-User: system:node:n1', 'Impersonate-Group: system:nodes'], 403],
    ['nobody', ['Impersonate-User: system:anonymous'], 403],
  ])('impersonation of %s', async (_, lines, status) => {
    expect((await user(authorization(weak), ...lines)).status).toBe(status);
    expect((await user(...lines)).status).toBe(401);
  });

  it('two lengths or a length with chunks: one answer, and nothing of what is behind', async () => {
    const hidden = `GET /api/v1/secrets HTTP/1.1\r\nHost: x\r\n${authorization(bed.server.token)}\r\n\r\n`;
    for (const lines of [
      ['Content-Length: 2', `Content-Length: ${2 + hidden.length}`],
      ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    ]) {
      const raw = { method: 'POST', path: whoami, lines: [authorization(weak), ...lines, '', `0\r\n\r\n${hidden}`] };
      const { status, text } = await sendRaw(bed.server.url, raw);
      expect(status).toBe(400);
      expect(text).not.toContain('HTTP/1.1');
    }
  });
});
