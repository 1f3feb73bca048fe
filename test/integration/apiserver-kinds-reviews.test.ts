/** Kinds that are answered and never stored, and the approval of certificate signing requests. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const builderToken = 'token-of-the-builder';
const authentication = '/apis/authentication.k8s.io/v1';
const authorization = '/apis/authorization.k8s.io/v1';
const pods = { namespace: 'default', verb: 'delete', resource: 'pods' };

/** Nobody but the administrator deletes pods. */
const guard: AnyPlugin = definePlugin({
  name: 'guard',
  version: '1.0.0',
  apiVersion: 1,
  setup(ctx) {
    ctx.tap(apiHooks.accessDecide, ({ user, verb, resource }) =>
      verb === 'delete' && resource === 'pods' && user.username !== 'admin'
        ? { allowed: false, reason: 'pods are for the administrator' }
        : undefined,
    );
  },
});

beforeAll(async () => {
  const tokens = [{ token: builderToken, username: 'builder', groups: ['dev'] }];
  server = await startApiServer({ plugins: [guard], config: { 'auth-token': { tokens } } });
});
afterAll(async () => {
  await server.stop();
});

describe('who somebody is', () => {
  it('TokenReview', async () => {
    const review = (token: string): ReturnType<TestApiServer['send']> =>
      server.send('POST', `${authentication}/tokenreviews`, { body: { spec: { token } } });
    const known = await review(builderToken);
    expect(known.status).toBe(201);
    expect(known.body).toMatchObject({
      kind: 'TokenReview',
      apiVersion: 'authentication.k8s.io/v1',
      status: { authenticated: true, user: { username: 'builder', groups: ['dev', 'system:authenticated'] } },
    });
    expect((await review('a-token-of-nobody')).body.status).toMatchObject({ authenticated: false });
    expect((await review('')).body).toMatchObject({ code: 400 });
  });

  it('SelfSubjectReview', async () => {
    const { body } = await server.send('POST', `${authentication}/selfsubjectreviews`, {
      token: builderToken,
      body: {},
    });
    expect(body.status.userInfo).toMatchObject({ username: 'builder', groups: ['dev', 'system:authenticated'] });
  });
});

describe('what somebody may do', () => {
  it('SubjectAccessReview asks the hook', async () => {
    const ask = async (spec: object): Promise<unknown> =>
      (await server.send('POST', `${authorization}/subjectaccessreviews`, { body: { spec } })).body.status;
    expect(await ask({ user: 'builder', resourceAttributes: pods })).toEqual({
      allowed: false,
      reason: 'pods are for the administrator',
    });
    expect(await ask({ user: 'admin', resourceAttributes: pods })).toMatchObject({ allowed: true });
    expect(await ask({ user: 'builder', nonResourceAttributes: { path: '/x', verb: 'get' } })).toMatchObject({
      allowed: true,
    });
  });

  it('SelfSubjectAccessReview and LocalSubjectAccessReview', async () => {
    const self = await server.send('POST', `${authorization}/selfsubjectaccessreviews`, {
      token: builderToken,
      body: { spec: { resourceAttributes: pods } },
    });
    expect(self.body.status.allowed).toBe(false);
    const local = `${authorization}/namespaces/default/localsubjectaccessreviews`;
    const spec = { user: 'admin', resourceAttributes: pods };
    expect((await server.send('POST', local, { body: { spec } })).body.status.allowed).toBe(true);
    const elsewhere = { ...spec, resourceAttributes: { ...pods, namespace: 'other' } };
    expect((await server.send('POST', local, { body: { spec: elsewhere } })).body).toMatchObject({ code: 422 });
  });

  it('SelfSubjectRulesReview', async () => {
    const { body } = await server.send('POST', `${authorization}/selfsubjectrulesreviews`, {
      body: { spec: { namespace: 'default' } },
    });
    expect(body.status.resourceRules).toEqual([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]);
  });

  it('refuses what says nothing', async () => {
    const { body } = await server.send('POST', `${authorization}/subjectaccessreviews`, { body: { spec: {} } });
    expect(body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(body.details.causes).toHaveLength(2);
  });
});

it('stores none of them and serves nothing but create', async () => {
  const { body } = await server.send('GET', authentication);
  expect(body.resources.map((entry: { verbs: string[] }) => entry.verbs)).toEqual([['create'], ['create']]);
  for (const [method, path] of [
    ['GET', 'tokenreviews'],
    ['DELETE', 'tokenreviews'],
    ['GET', 'tokenreviews/x'],
  ] as const)
    expect((await server.send(method, `${authentication}/${path}`)).body).toMatchObject({ code: 405 });
});

describe('a certificate signing request', () => {
  const collection = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const pem = (label: string): string =>
    Buffer.from(`-----BEGIN ${label}-----\nMIIB\n-----END ${label}-----\n`).toString('base64');
  const spec = { request: pem('CERTIFICATE REQUEST'), signerName: 'example.com/signer', usages: ['client auth'] };
  const approved = { type: 'Approved', status: 'True', reason: 'Sure', message: 'I know her' };
  const type = 'application/merge-patch+json';

  it('says who asked, and is decided by /approval alone', async () => {
    const body = { metadata: { name: 'csr' }, spec: { ...spec, username: 'admin' } };
    const created = await server.send('POST', collection, { token: builderToken, body });
    expect(created.body.spec).toMatchObject({ username: 'builder', groups: ['dev', 'system:authenticated'] });
    const byStatus = await server.send('PATCH', `${collection}/csr/status`, {
      type,
      body: { status: { conditions: [approved] } },
    });
    expect(byStatus.body.status.conditions).toBeUndefined();
    const { body: current } = await server.send('GET', `${collection}/csr/approval`);
    const decided = await server.send('PUT', `${collection}/csr/approval`, {
      body: { ...current, spec: { ...spec, usages: ['any'] }, status: { conditions: [approved], certificate: 'AAAA' } },
    });
    expect(decided.status).toBe(200);
    expect(decided.body.spec).toEqual(current.spec);
    expect(decided.body.status).toEqual({
      conditions: [{ ...approved, lastUpdateTime: expect.any(String), lastTransitionTime: expect.any(String) }],
    });
  });

  it('cannot be approved and denied', async () => {
    const both = [approved, { ...approved, type: 'Denied' }];
    const { body } = await server.send('PATCH', `${collection}/csr/approval`, {
      type,
      body: { status: { conditions: both } },
    });
    expect(body).toMatchObject({ code: 422, details: { causes: [{ field: 'status.conditions' }] } });
    const taken = await server.send('PATCH', `${collection}/csr/approval`, {
      type,
      body: { status: { conditions: [] } },
    });
    expect(taken.body).toMatchObject({ code: 422, message: expect.stringContaining('may not remove') as unknown });
  });

  it('gets its certificate by /status, once', async () => {
    const issue = (certificate: string): ReturnType<TestApiServer['send']> =>
      server.send('PATCH', `${collection}/csr/status`, { type, body: { status: { certificate } } });
    expect((await issue(Buffer.from('no PEM').toString('base64'))).body).toMatchObject({ code: 422 });
    const issued = await issue(pem('CERTIFICATE'));
    expect(issued.body.status).toMatchObject({ certificate: pem('CERTIFICATE'), conditions: [{ type: 'Approved' }] });
    expect((await issue(pem('X CERTIFICATE'))).body).toMatchObject({ code: 422 });
  });
});
