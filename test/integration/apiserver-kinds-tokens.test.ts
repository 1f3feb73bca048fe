/** Tokens of service accounts: made by serviceaccounts/token, believed by the server and by TokenReview. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const accounts = '/api/v1/namespaces/default/serviceaccounts';
const authentication = '/apis/authentication.k8s.io/v1';

beforeAll(async () => {
  server = await startApiServer();
  await server.send('POST', accounts, { body: { metadata: { name: 'builder' } } });
});
afterAll(async () => {
  await server.stop();
});

const request = (spec: object, account = 'builder'): Promise<Answer> =>
  server.send('POST', `${accounts}/${account}/token`, { body: { spec } });
const whoIs = (token: string): Promise<Answer> =>
  server.send('POST', `${authentication}/selfsubjectreviews`, { token, body: {} });
const review = async (token: string, audiences?: string[]): Promise<unknown> =>
  (
    await server.send('POST', `${authentication}/tokenreviews`, {
      body: { spec: { token, ...(audiences && { audiences }) } },
    })
  ).body.status;

it('are made for an account and let it in', async () => {
  const { status, body } = await request({ expirationSeconds: 600 });
  expect({ status, body }).toMatchObject({
    status: 201,
    body: {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name: 'builder', namespace: 'default' },
      spec: { expirationSeconds: 600, audiences: ['https://kubernetes.default.svc.cluster.local'] },
    },
  });
  const remaining = Date.parse(body.status.expirationTimestamp as string) - Date.now();
  expect(remaining).toBeGreaterThan(590_000);
  expect(remaining).toBeLessThanOrEqual(600_000);
  const username = 'system:serviceaccount:default:builder';
  expect((await whoIs(body.status.token as string)).body.status.userInfo).toMatchObject({ username });
  expect(await review(body.status.token as string)).toMatchObject({ authenticated: true, user: { username } });
});

it('are for their audiences alone', async () => {
  const { body } = await request({ audiences: ['vault'] });
  expect((await whoIs(body.status.token as string)).status).toBe(401);
  expect(await review(body.status.token as string)).toMatchObject({ authenticated: false });
  expect(await review(body.status.token as string, ['vault', 'other'])).toMatchObject({
    authenticated: true,
    audiences: ['vault'],
  });
});

it('that name no audience are for the server alone', async () => {
  const own = 'https://kubernetes.default.svc.cluster.local';
  expect(await review(server.token)).toMatchObject({ authenticated: true, user: { username: 'admin' } });
  expect(await review(server.token, ['vault'])).toMatchObject({ authenticated: false, user: {} });
  expect(await review(server.token, ['vault', own])).toMatchObject({ authenticated: true, audiences: [own] });
});

it('end with the pod they are bound to, and with their account', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  const spec = { serviceAccountName: 'builder', containers: [{ name: 'c', image: 'nginx' }] };
  const pod = await server.send('POST', pods, { body: { metadata: { name: 'web' }, spec } });
  const uid = pod.body.metadata.uid as string;
  const bound = { apiVersion: 'v1', kind: 'Pod', name: 'web' };
  const { body } = await request({ boundObjectRef: bound });
  expect(body.spec.boundObjectRef).toEqual({ ...bound, uid });
  const token = body.status.token as string;
  expect((await whoIs(token)).body.status.userInfo.extra).toMatchObject({
    'authentication.kubernetes.io/pod-name': ['web'],
    'authentication.kubernetes.io/pod-uid': [uid],
  });
  await server.send('DELETE', `${pods}/web`);
  expect((await whoIs(token)).status).toBe(401);

  await server.send('POST', accounts, { body: { metadata: { name: 'short' } } });
  const other = (await request({}, 'short')).body.status.token as string;
  expect((await whoIs(other)).status).toBe(201);
  await server.send('DELETE', `${accounts}/short`);
  expect((await whoIs(other)).status).toBe(401);
});

it('are refused when the request is wrong', async () => {
  expect((await request({}, 'nobody')).body).toMatchObject({ code: 404, reason: 'NotFound' });
  expect((await request({ expirationSeconds: 10 })).body).toMatchObject({
    code: 422,
    details: { causes: [{ field: 'spec.expirationSeconds' }] },
  });
  const bind = async (boundObjectRef: object): Promise<unknown> => (await request({ boundObjectRef })).body;
  expect(await bind({ apiVersion: 'v1', kind: 'Pod', name: 'gone' })).toMatchObject({ code: 404 });
  expect(await bind({ apiVersion: 'v1', kind: 'ConfigMap', name: 'x' })).toMatchObject({ code: 400 });
  await server.send('POST', '/api/v1/namespaces/default/secrets', { body: { metadata: { name: 's' } } });
  expect(await bind({ apiVersion: 'v1', kind: 'Secret', name: 's', uid: 'other' })).toMatchObject({ code: 409 });
});

it('can be checked by others: the key is published', async () => {
  const { body } = await server.send('GET', '/.well-known/openid-configuration');
  expect(body).toMatchObject({ issuer: 'https://kubernetes.default.svc.cluster.local' });
  const keys = await server.send('GET', '/openid/v1/jwks');
  expect(keys.body.keys).toEqual([expect.objectContaining({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' })]);
  expect(keys.text).not.toContain('"d"');
});
