/** Service accounts: made with their namespaces, given to pods, and worth something only as long as they exist. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  configMaps,
  namespaces,
  pods,
  roleBindings,
  secrets,
  serviceAccounts,
  type Pod,
  type Secret,
} from '@timonel/sdk/kube';
import admissionServiceAccount from '@timonel/plugin-admission-serviceaccount';
import authzRbac from '@timonel/plugin-authz-rbac';
import controllerRoleAggregation from '@timonel/plugin-controller-roleaggregation';
import controllerServiceAccount from '@timonel/plugin-controller-serviceaccount';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const namespace = 'team';
const path = `/api/v1/namespaces/${namespace}`;

beforeAll(async () => {
  server = await startApiServer({
    plugins: [authzRbac, controllerRoleAggregation, controllerServiceAccount, admissionServiceAccount],
    apiserver: { access: 'decided' },
  });
  await server.api.create(namespaces, { metadata: { name: namespace } });
});
afterAll(() => server.stop());

const pod = (name: string, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name, namespace },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

async function tokenOf(account: string): Promise<string> {
  const { body } = await server.send('POST', `${path}/serviceaccounts/${account}/token`, { body: { spec: {} } });
  return body.status.token;
}

const tokenSecret = (name: string, account: string): Secret => ({
  metadata: { name, namespace, annotations: { 'kubernetes.io/service-account.name': account } },
  type: 'kubernetes.io/service-account-token',
});

async function filled(name: string): Promise<string> {
  const data = await until(async () => (await server.api.get(secrets, { namespace, name })).data?.['token'], {
    what: 'the token in the secret',
  });
  return Buffer.from(data, 'base64').toString();
}

const isGone = async (type: typeof secrets, name: string): Promise<boolean> =>
  server.api.get(type, { namespace, name }).then(
    () => false,
    () => true,
  );

describe('accounts', () => {
  it('a pod in a namespace that was made just now gets the default one with its token', async () => {
    await server.api.create(namespaces, { metadata: { name: 'fresh' } });
    const made = await server.api.create(pods, { ...pod('first'), metadata: { name: 'first', namespace: 'fresh' } });
    expect(made.spec).toMatchObject({
      serviceAccountName: 'default',
      volumes: [{ name: expect.stringMatching(/^kube-api-access-[a-z0-9]{5}$/) }],
      containers: [{ volumeMounts: [{ mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }] }],
    });
  });

  it('one that is not there is no account', async () => {
    const answer = await server.send('POST', `${path}/pods`, { body: pod('p', { serviceAccountName: 'none' }) });
    expect(answer.body).toMatchObject({
      code: 403,
      message: 'pods "p" is forbidden: error looking up service account team/none: serviceaccount "none" not found',
    });
  });

  it('the default one comes back', async () => {
    const name = 'default';
    const { uid } = (await until(() => server.api.get(serviceAccounts, { namespace, name }), { what: 'the account' }))
      .metadata;
    await server.api.delete(serviceAccounts, { namespace, name });
    await until(async () => (await server.api.get(serviceAccounts, { namespace, name })).metadata.uid !== uid, {
      what: 'the account anew',
    });
  });
});

describe('tokens', () => {
  it('carry the rights of the account and no more, and end with it', async () => {
    await server.api.create(serviceAccounts, { metadata: { name: 'viewer', namespace } });
    const token = await tokenOf('viewer');
    const ask = async (what: string): Promise<number> =>
      (await server.send('GET', `${path}/${what}`, { token })).status;
    expect(await ask('configmaps')).toBe(403);
    await server.api.create(roleBindings, {
      metadata: { name: 'viewer', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'viewer', namespace }],
    });
    await until(async () => (await ask('configmaps')) === 200, { what: 'the binding to be in force' });
    expect(await ask('secrets')).toBe(403);
    await server.api.delete(serviceAccounts, { name: 'viewer', namespace });
    await until(async () => (await ask('configmaps')) === 401, { what: 'the token to be worth nothing' });
    await server.api.create(serviceAccounts, { metadata: { name: 'viewer', namespace } });
    expect(await ask('configmaps')).toBe(401);
  });

  it('in secrets only where one asks for it, and both go with the account', async () => {
    await server.api.create(serviceAccounts, { metadata: { name: 'kept', namespace } });
    await server.api.create(secrets, tokenSecret('asked', 'kept'));
    const token = await filled('asked');
    const { body } = await server.send('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      token,
      body: {},
    });
    expect(body.status.userInfo.username).toBe('system:serviceaccount:team:kept');
    expect((await server.api.get(serviceAccounts, { name: 'kept', namespace })).secrets).toBeUndefined();
    await server.api.delete(serviceAccounts, { name: 'kept', namespace });
    await until(() => isGone(secrets, 'asked'), { what: 'the secret to go' });
    await until(async () => (await server.send('GET', '/api', { token })).status === 401, { what: 'the token to end' });
  });

  it('in secrets end with the secret', async () => {
    await server.api.create(serviceAccounts, { metadata: { name: 'stays', namespace } });
    await server.api.create(secrets, tokenSecret('goes', 'stays'));
    const token = await filled('goes');
    expect((await server.send('GET', '/api', { token })).status).toBe(200);
    await server.api.delete(secrets, { name: 'goes', namespace });
    await until(async () => (await server.send('GET', '/api', { token })).status === 401, { what: 'the token to end' });
  });

  it('do not let anybody make tokens of other accounts', async () => {
    await server.api.create(serviceAccounts, { metadata: { name: 'weak', namespace } });
    const token = await tokenOf('weak');
    const asked = await server.send('POST', `${path}/serviceaccounts/stays/token`, { token, body: { spec: {} } });
    expect(asked.body.message).toContain('cannot create resource "serviceaccounts/token"');
    await server.api.create(configMaps, { metadata: { name: 'c', namespace } });
    expect((await server.send('GET', `${path}/configmaps/c`, { token })).status).toBe(403);
  });

  it('of accounts may read the documents by which others check them', async () => {
    const token = await tokenOf('weak');
    for (const at of ['/.well-known/openid-configuration', '/openid/v1/jwks'])
      expect((await server.send('GET', at, { token })).status).toBe(200);
    expect((await server.send('GET', '/openid/v1/jwks', { token: null })).status).toBe(401);
  });
});
