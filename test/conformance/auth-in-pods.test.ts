/** What pods get of their service account, and what they find out by it. */
import { describe, expect, it } from '@jest/globals';
import { idle, once, sh, steady } from './support/real/containers.ts';
import { hostImage } from './support/real/guestbook.ts';
import { realNode } from './support/real/real-node.ts';

const mount = '/var/run/secrets/kubernetes.io/serviceaccount';
const node = realNode();

/** Reads the documents of the issuer with the token of the pod, and checks the token by them, as any third party would. */
const discovery = `
const { createPublicKey, verify } = require('node:crypto');
const { readFileSync } = require('node:fs');
const https = require('node:https');
const [token, ca] = ['token', 'ca.crt'].map((name) => readFileSync('${mount}/' + name, 'utf8'));
const get = (path) => new Promise((resolve, reject) => {
  const asked = https.get({ host: 'kubernetes.default.svc', path, ca, headers: { authorization: 'Bearer ' + token }, agent: false });
  asked.on('error', reject);
  asked.on('response', (answer) => {
    let text = '';
    answer.on('data', (chunk) => (text += chunk));
    answer.on('end', () => (answer.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(path + ': ' + text))));
  });
});
const tries = async (work) => {
  for (let left = 100; ; left -= 1) {
    try { return await work(); }
    catch (error) {
      if (left === 0) throw error;
      await new Promise((next) => setTimeout(next, 100));
    }
  }
};
(async () => {
  const { issuer, jwks_uri } = await tries(() => get('/.well-known/openid-configuration'));
  const { keys } = await get(new URL(jwks_uri).pathname);
  const [head, body, signature] = token.trim().split('.');
  const { kid, alg } = JSON.parse(Buffer.from(head, 'base64url'));
  const { iss, sub } = JSON.parse(Buffer.from(body, 'base64url'));
  const key = createPublicKey({ key: keys.find((one) => one.kid === kid), format: 'jwk' });
  const means = alg === 'RS256' ? key : { key, dsaEncoding: 'ieee-p1363' };
  const valid = verify('sha256', Buffer.from(head + '.' + body), means, Buffer.from(signature, 'base64url'));
  console.log(JSON.stringify({ sub, valid, issued: iss === issuer }));
})();`;

describe('auth: service accounts in pods', () => {
  const accounts = { mounting: { automountServiceAccountToken: true }, bare: { automountServiceAccountToken: false } };
  node.object('ServiceAccount', 'mounted', {});
  for (const [name, body] of Object.entries(accounts)) node.object('ServiceAccount', name, body);

  const mounted = node.pod('mounted', steady(idle(), { serviceAccountName: 'mounted' }));
  const sources = [
    { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 3600 } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
  ];
  const projected = node.pod(
    'projected',
    once(
      sh('cat /tokens/token; echo; stat -Lc %a /tokens/token', {
        volumeMounts: [{ name: 'tokens', mountPath: '/tokens' }],
      }),
      {
        serviceAccountName: 'mounted',
        automountServiceAccountToken: false,
        volumes: [{ name: 'tokens', projected: { sources } }],
      },
    ),
  );
  const discovers = node.pod(
    'discovers',
    once({ name: 'c', image: hostImage, command: ['node', '-e', discovery] }, { serviceAccountName: 'mounted' }),
  );

  const claimsOf = (token: string): unknown =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  const review = async (spec: object): Promise<unknown> =>
    (await node.api.ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec })).status;

  it('have a token, the authority and the namespace mounted', async () => {
    await mounted.ready();
    const files = await mounted.exec(`cd ${mount}; cat namespace; echo; cat ca.crt; echo; cat token`);
    const [namespace, ...rest] = files.split('\n');
    expect(namespace).toBe('default');
    const published = await node.api.ask('GET', '/api/v1/namespaces/default/configmaps/kube-root-ca.crt');
    expect(files).toContain(published.data['ca.crt']);
    expect(await review({ token: rest.at(-1) })).toMatchObject({
      authenticated: true,
      user: {
        username: 'system:serviceaccount:default:mounted',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/pod-name': ['mounted'] },
      },
    });
  });

  it.each([
    ['mounted', undefined, true],
    ['mounted', true, true],
    ['mounted', false, false],
    ['mounting', undefined, true],
    ['mounting', true, true],
    ['mounting', false, false],
    ['bare', undefined, false],
    ['bare', true, true],
    ['bare', false, false],
  ])('automount for account %s and pod %s: %s', async (serviceAccountName, automountServiceAccountToken, expected) => {
    const own = automountServiceAccountToken === undefined ? {} : { automountServiceAccountToken };
    const spec = { ...steady(idle()), serviceAccountName, ...own };
    const pod = await node.api.ask('POST', '/api/v1/namespaces/default/pods?dryRun=All', {
      metadata: { generateName: 'automount-' },
      spec,
    });
    const mounts = (pod.spec.containers[0].volumeMounts ?? []).map(({ mountPath }: { mountPath: string }) => mountPath);
    expect(mounts).toEqual(expected ? [mount] : []);
  });

  it('have a projected token of an audience and a time of their own', async () => {
    const [token = '', mode] = (await projected.output()).trim().split('\n');
    expect(mode).toBe('644');
    const pod = { name: 'projected', uid: projected.now.metadata.uid };
    const claims = claimsOf(token) as { exp: number; iat: number };
    expect(claims).toMatchObject({ aud: ['vault'], 'kubernetes.io': { pod } });
    expect(claims.exp - claims.iat).toBe(3600);
    expect(await review({ token, audiences: ['vault'] })).toMatchObject({ authenticated: true, audiences: ['vault'] });
    // It is not for the API.
    expect(await review({ token })).not.toMatchObject({ authenticated: true });
  });

  it('find the issuer by OpenID Connect discovery, and their token is valid by its keys', async () => {
    const lines = (await discovers.output()).trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
      sub: 'system:serviceaccount:default:mounted',
      valid: true,
      issued: true,
    });
  });
});
