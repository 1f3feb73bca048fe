import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import authzRbac from '@timonel/plugin-authz-rbac';
import controllerCertificates from '@timonel/plugin-controller-certificates';
import controllerRoleAggregation from '@timonel/plugin-controller-roleaggregation';
import controllerServiceAccount from '@timonel/plugin-controller-serviceaccount';
import { namespaces, roleBindings } from '@timonel/sdk/kube';
import { makePrivateKey, makeSigningRequest } from '@timonel/sdk/pki';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
beforeAll(async () => {
  server = await startApiServer({
    plugins: [authzRbac, controllerRoleAggregation, controllerServiceAccount, controllerCertificates],
    apiserver: { access: 'decided' },
  });
  await server.api.create(namespaces, { metadata: { name: 'team' } });
});
afterAll(() => server.stop());

const send = (method: string, path: string, body?: unknown, type?: string): Promise<Answer> =>
  server.send(method, path, {
    ...(body === undefined ? {} : { body }),
    ...(type === undefined ? {} : { type }),
  });
const merge = 'application/merge-patch+json';

describe('auth: certificate signing requests', () => {
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const made = async (name: string): Promise<unknown> => {
    const pem = await makeSigningRequest(await makePrivateKey(), { commonName: 'jane' });
    const spec = {
      request: Buffer.from(pem).toString('base64'),
      signerName: 'example.com/signer',
      usages: ['client auth'],
    };
    return { metadata: { name, labels: { test: 'csr' } }, spec };
  };

  it('are created, read, listed, watched, patched, replaced and deleted', async () => {
    const watch = server.watch(`${path}?watch=1&labelSelector=test%3Dcsr`);
    expect((await send('POST', path, await made('a'))).status).toBe(201);
    const { body } = await send('GET', `${path}/a`);
    expect(body.spec).toMatchObject({ username: 'admin', groups: ['system:masters', 'system:authenticated'] });
    expect((await send('GET', `${path}?labelSelector=test%3Dcsr`)).body.items).toHaveLength(1);
    const patched = await send('PATCH', `${path}/a`, { metadata: { annotations: { patched: 'true' } } }, merge);
    expect(patched.body.metadata.annotations).toEqual({ patched: 'true' });
    const replaced = await send('PUT', `${path}/a`, {
      ...patched.body,
      metadata: { ...patched.body.metadata, annotations: { updated: 'true' } },
    });
    expect(replaced.body.metadata.annotations).toEqual({ updated: 'true' });
    expect((await send('DELETE', `${path}/a`)).status).toBe(200);
    await send('POST', path, await made('b'));
    expect((await send('DELETE', `${path}?labelSelector=test%3Dcsr`)).status).toBe(200);
    expect((await send('GET', `${path}?labelSelector=test%3Dcsr`)).body.items).toEqual([]);
    await until(() => watch.events.filter(({ type }) => type === 'DELETED').length === 2, { what: 'both to go' });
    expect(watch.events.slice(0, 4).map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED']);
    watch.stop();
  });

  it('have their decision at /approval and their certificate at /status', async () => {
    await send('POST', path, await made('c'));
    const approved = { type: 'Approved', status: 'True', reason: 'Test', message: 'set by the test' };
    const approval = await send('PATCH', `${path}/c/approval`, { status: { conditions: [approved] } }, merge);
    expect(approval.body.status.conditions).toMatchObject([approved]);
    expect((await send('GET', `${path}/c/approval`)).body.status.conditions).toMatchObject([approved]);
    const ready = { type: 'Ready', status: 'True', reason: 'Test', message: '' };
    const status = await send('PATCH', `${path}/c/status`, { status: { conditions: [ready] } }, merge);
    expect(status.body.status.conditions).toMatchObject([approved, ready]);
    // Who writes the object decides nothing.
    const body = { ...status.body, status: { conditions: [] } };
    expect((await send('PUT', `${path}/c`, body)).body.status.conditions).toHaveLength(2);
  });
});

describe('auth: service accounts', () => {
  const path = '/api/v1/namespaces/team/serviceaccounts';
  const review = async (token: string, audiences: string[] = []): Promise<Answer['body']> => {
    const { body } = await send('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token, audiences } });
    return body.status;
  };

  it('are created, watched, patched, listed and deleted', async () => {
    const watch = server.watch(`${path}?watch=1&labelSelector=test%3Dsa`);
    const made = await send('POST', path, { metadata: { name: 'a', labels: { test: 'sa' } } });
    expect(made.status).toBe(201);
    const patch = { automountServiceAccountToken: false };
    expect((await send('PATCH', `${path}/a`, patch, merge)).body.automountServiceAccountToken).toBe(false);
    expect((await send('GET', '/api/v1/serviceaccounts?labelSelector=test%3Dsa')).body.items).toHaveLength(1);
    expect((await send('DELETE', `${path}?labelSelector=test%3Dsa`)).status).toBe(200);
    await until(() => watch.events.length === 3, { what: 'all changes' });
    expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    watch.stop();
  });

  it('are updated', async () => {
    const { body } = await send('POST', path, { metadata: { name: 'b' } });
    const replaced = await send('PUT', `${path}/b`, { ...body, automountServiceAccountToken: true });
    expect(replaced.body.automountServiceAccountToken).toBe(true);
  });

  it('have tokens by which TokenReview knows them', async () => {
    await send('POST', path, { metadata: { name: 'c' } });
    const asked = await send('POST', `${path}/c/token`, { spec: { audiences: ['vault'] } });
    const { token } = asked.body.status;
    expect(await review(token, ['vault', 'other'])).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
      user: {
        username: 'system:serviceaccount:team:c',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:team', 'system:authenticated'],
      },
    });
    expect(await review(token)).toMatchObject({ authenticated: false });
  });
});

describe('auth: access reviews', () => {
  const reviews = '/apis/authorization.k8s.io/v1';
  const user = 'system:serviceaccount:team:default';
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:team', 'system:authenticated'];
  const as = { 'impersonate-user': user };

  it('SubjectAccessReview and LocalSubjectAccessReview agree with impersonated calls', async () => {
    const answers = async (verb: string, resource: string): Promise<boolean[]> => {
      const resourceAttributes = { namespace: 'team', verb, resource };
      const spec = { user, groups, resourceAttributes };
      const cluster = await send('POST', `${reviews}/subjectaccessreviews`, { spec });
      const local = await send('POST', `${reviews}/namespaces/team/localsubjectaccessreviews`, {
        metadata: { namespace: 'team' },
        spec,
      });
      const own = await server.send('POST', `${reviews}/selfsubjectaccessreviews`, {
        body: { spec: { resourceAttributes } },
        headers: as,
      });
      const call = await server.send('GET', `/api/v1/namespaces/team/${resource}`, { headers: as });
      return [cluster, local, own].map(({ body }) => body.status.allowed).concat(call.status === 200);
    };
    expect(await answers('list', 'pods')).toEqual([false, false, false, false]);
    await server.api.create(roleBindings, {
      metadata: { name: 'viewers', namespace: 'team' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'team' }],
    });
    await until(async () => (await answers('list', 'pods')).every(Boolean), { what: 'all to say yes' });
    expect(await answers('list', 'secrets')).toEqual([false, false, false, false]);
  });
});
