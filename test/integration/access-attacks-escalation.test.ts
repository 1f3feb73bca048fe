/** Attempts to get more than one has, against what `timonel up` serves: by roles, pods, tokens, certificates, node names, and other servers. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clusterRoleBindings,
  clusterRoles,
  namespaces,
  pods,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
  type Pod,
} from '@timonel/sdk/kube';
import { makePrivateKey, makeSigningRequest, type RequestSubject } from '@timonel/sdk/pki';
import { until } from '@timonel/testkit';
import { aggregatedGroup, startAccessBed, type AccessBed } from '../support/access-bed.ts';
import type { Answer, RequestOptions } from '../support/api-server.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const core = '/api/v1/namespaces';
const rbac = `/apis/${apiGroup}/v1`;
const tokens = {
  editor: 'token-of-the-editor-of-team',
  lead: 'token-of-the-admin-of-team',
  /** May write ClusterRoles and nothing else. */
  writer: 'token-of-the-writer-of-roles',
  node: 'token-of-the-node-called-n1',
  groupless: 'token-of-a-name-of-a-node',
  nameless: 'token-of-the-group-of-nodes',
} as const;
type User = keyof typeof tokens;

let bed: AccessBed;

const as = (user: User, method: string, path: string, options: RequestOptions = {}): Promise<Answer> =>
  bed.server.send(method, path, { token: tokens[user], ...options });
const status = async (user: User, method: string, path: string, body?: unknown, type?: string): Promise<number> =>
  (await as(user, method, path, { ...(body === undefined ? {} : { body }), ...(type === undefined ? {} : { type }) }))
    .status;
const merge = 'application/merge-patch+json';
const subject = (name: string): { kind: string; apiGroup: string; name: string } => ({ kind: 'User', apiGroup, name });
const podOf = (name: string, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

beforeAll(async () => {
  bed = await startAccessBed([
    { token: tokens.editor, username: 'editor' },
    { token: tokens.lead, username: 'lead' },
    { token: tokens.writer, username: 'writer' },
    { token: tokens.node, username: 'system:node:n1', groups: ['system:nodes'] },
    { token: tokens.groupless, username: 'system:node:n1' },
    { token: tokens.nameless, username: 'somebody', groups: ['system:nodes'] },
  ]);
  const { api } = bed.server;
  await api.create(namespaces, { metadata: { name: 'team' } });
  for (const [user, role] of [
    ['editor', 'edit'],
    ['lead', 'admin'],
  ] as const)
    await api.create(roleBindings, {
      metadata: { name: user, namespace: 'team' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: role },
      subjects: [subject(user)],
    });
  const rules = [{ apiGroups: [apiGroup], resources: ['clusterroles', 'clusterrolebindings'], verbs: ['*'] }];
  // All verbs would be `bind` and `escalate`, too.
  const verbs = ['get', 'create', 'update', 'patch', 'delete'];
  await api.create(clusterRoles, { metadata: { name: 'writer' }, rules: rules.map((rule) => ({ ...rule, verbs })) });
  await api.create(clusterRoleBindings, {
    metadata: { name: 'writer' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'writer' },
    subjects: [subject('writer')],
  });
  // The strong account that everybody would like to be.
  await until(() => api.get(namespaces, { name: 'kube-system' }), { what: 'kube-system' });
  await api.create(serviceAccounts, { metadata: { name: 'strong', namespace: 'kube-system' } });
  await api.create(clusterRoleBindings, {
    metadata: { name: 'strong' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'strong', namespace: 'kube-system' }],
  });
  await until(async () => (await status('lead', 'GET', `${rbac}/namespaces/team/roles`)) === 200, { what: 'admin' });
  await until(async () => (await status('editor', 'GET', `${core}/team/pods`)) === 200, { what: 'edit' });
  await until(async () => (await status('writer', 'GET', `${rbac}/clusterroles/view`)) === 200, { what: 'the writer' });
});
afterAll(() => bed?.stop());

describe('roles', () => {
  const everything = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
  const binding = (kind: string, name: string): object => ({
    metadata: { name: 'mine' },
    roleRef: { apiGroup, kind, name },
    subjects: [subject('lead'), subject('writer')],
  });

  it('the admin of a namespace gives what he has there, and no more', async () => {
    const inTeam = `${rbac}/namespaces/team`;
    const role = (rule: object): object => ({ metadata: { name: 'mine' }, rules: [rule] });
    const dry = (what: string): string => `${inTeam}/${what}?dryRun=All`;
    expect(await status('lead', 'POST', dry('rolebindings'), binding('ClusterRole', 'edit'))).toBe(201);
    expect(await status('lead', 'POST', dry('rolebindings'), binding('ClusterRole', 'cluster-admin'))).toBe(403);
    expect(await status('lead', 'POST', dry('rolebindings'), binding('ClusterRole', 'system:node-bootstrapper'))).toBe(
      403,
    );
    expect(
      await status('lead', 'POST', dry('roles'), role({ ...everything, apiGroups: [''], resources: ['pods'] })),
    ).toBe(403);
    for (const verb of ['escalate', 'bind', 'impersonate']) {
      const resources = verb === 'impersonate' ? ['users'] : ['roles'];
      const rule = { verbs: [verb], apiGroups: verb === 'impersonate' ? [''] : [apiGroup], resources };
      expect(await status('lead', 'POST', dry('roles'), role(rule))).toBe(403);
    }
    expect(
      await status('lead', 'POST', `${rbac}/namespaces/kube-system/rolebindings`, binding('ClusterRole', 'view')),
    ).toBe(403);
    expect(await status('lead', 'POST', `${rbac}/clusterrolebindings`, binding('ClusterRole', 'view'))).toBe(403);
  });

  it('a binding does not come to lead to another role', async () => {
    const path = `${rbac}/namespaces/team/rolebindings/lead`;
    const roleRef = { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' };
    expect(await status('lead', 'PATCH', path, { roleRef }, merge)).toBeGreaterThanOrEqual(400);
    expect((await bed.server.api.get(roleBindings, { namespace: 'team', name: 'lead' })).roleRef.name).toBe('admin');
  });

  it('who writes ClusterRoles does not get at the rights of others by labels, aggregation or changes', async () => {
    const label = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
    const post = (body: object): Promise<number> => status('writer', 'POST', `${rbac}/clusterroles`, body);
    expect(await post({ metadata: { name: 'a', labels: label }, rules: [everything] })).toBe(403);
    const selectors = [{ matchLabels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } }];
    expect(await post({ metadata: { name: 'b' }, aggregationRule: { clusterRoleSelectors: selectors } })).toBe(403);
    const patch = (name: string, body: object): Promise<number> =>
      status('writer', 'PATCH', `${rbac}/clusterroles/${name}`, body, merge);
    expect(await patch('cluster-admin', { metadata: { labels: label } })).toBe(403);
    expect(await patch('writer', { rules: [everything] })).toBe(403);
    expect(await patch('writer', { aggregationRule: { clusterRoleSelectors: selectors } })).toBe(403);
    const bindings = `${rbac}/clusterrolebindings`;
    expect(await status('writer', 'POST', bindings, binding('ClusterRole', 'cluster-admin'))).toBe(403);
    const subjects = { subjects: [subject('writer')] };
    expect(await status('writer', 'PATCH', `${bindings}/cluster-admin`, subjects, merge)).toBe(403);
    const applied = {
      apiVersion: `${apiGroup}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'writer' },
      rules: [everything],
    };
    const apply = `${rbac}/clusterroles/writer?fieldManager=x&force=true`;
    expect(await status('writer', 'PATCH', apply, applied, 'application/apply-patch+yaml')).toBe(403);
  });

  it('a role that is there by another name is not a way round either', async () => {
    await bed.server.api.create(roles, {
      metadata: { name: 'hidden', namespace: 'team' },
      rules: [{ verbs: ['impersonate'], apiGroups: [''], resources: ['users'] }],
    });
    const body = binding('Role', 'hidden');
    expect(await status('lead', 'POST', `${rbac}/namespaces/team/rolebindings`, body)).toBe(403);
    expect(await status('lead', 'POST', `${rbac}/namespaces/team/rolebindings`, binding('Role', 'absent'))).toBe(404);
  });
});

describe('pods', () => {
  it('an editor makes none where he has no rights, nor with an account from there', async () => {
    const strong = { serviceAccountName: 'strong' };
    expect(await status('editor', 'POST', `${core}/team/pods`, podOf('ok'))).toBe(201);
    expect(await status('editor', 'POST', `${core}/kube-system/pods`, podOf('p', strong))).toBe(403);
    expect(await status('editor', 'POST', `${core}/team/pods`, podOf('p', strong))).toBe(403);
    expect(
      await status('editor', 'POST', `${core}/team/pods`, podOf('p', { serviceAccountName: 'kube-system/strong' })),
    ).toBeGreaterThanOrEqual(400);
    const inOther = { ...podOf('p', strong), metadata: { name: 'p', namespace: 'kube-system' } };
    expect(await status('editor', 'POST', `${core}/team/pods`, inOther)).toBe(400);
    for (const path of ['apps/v1/namespaces/kube-system/deployments', 'batch/v1/namespaces/kube-system/jobs'])
      expect(await status('editor', 'POST', `/apis/${path}`, { metadata: { name: 'x' }, spec: {} })).toBe(403);
  });

  it('nor gets into those of others, or past the scheduler', async () => {
    await bed.server.api.create(pods, {
      ...podOf('dns'),
      metadata: { name: 'dns', namespace: 'kube-system' },
    });
    for (const part of ['exec?command=sh', 'attach', 'portforward', 'log'])
      expect(await status('editor', 'GET', `${core}/kube-system/pods/dns/${part}`)).toBe(403);
    expect(await status('editor', 'PATCH', `${core}/kube-system/pods/dns/ephemeralcontainers`, {}, merge)).toBe(403);
    const target = { metadata: { name: 'ok' }, target: { kind: 'Node', name: 'n1' } };
    expect(await status('editor', 'POST', `${core}/team/pods/ok/binding`, target)).toBe(403);
    expect(await status('editor', 'GET', '/api/v1/nodes/n1/proxy/pods')).toBe(403);
  });

  it('a node makes none with an account, whosever it is', async () => {
    const annotations = { 'kubernetes.io/config.mirror': 'x' };
    for (const namespace of ['kube-system', 'team'])
      for (const account of ['strong', 'default']) {
        const spec = { nodeName: 'n1', serviceAccountName: account, automountServiceAccountToken: true };
        const body = { ...podOf('p', spec), metadata: { name: 'p', annotations } };
        expect(await status('node', 'POST', `${core}/${namespace}/pods`, body)).toBe(403);
      }
    expect(await status('node', 'POST', `${core}/team/pods`, podOf('p', { nodeName: 'n1' }))).toBe(403);
  });
});

describe('tokens', () => {
  it('of accounts elsewhere are not made, whichever way', async () => {
    expect(await status('editor', 'POST', `${core}/kube-system/serviceaccounts/strong/token`, { spec: {} })).toBe(403);
    expect(await status('node', 'POST', `${core}/kube-system/serviceaccounts/strong/token`, { spec: {} })).toBe(403);
    // A Secret that asks for a token, in a namespace where the account is not.
    const annotations = { 'kubernetes.io/service-account.name': 'strong' };
    const secret = { metadata: { name: 'asks', annotations }, type: 'kubernetes.io/service-account-token' };
    expect(await status('editor', 'POST', `${core}/kube-system/secrets`, secret)).toBe(403);
    await status('editor', 'POST', `${core}/team/secrets`, secret);
    await until(async () => (await status('editor', 'GET', `${core}/team/secrets/asks`)) === 404, {
      what: 'the Secret to be collected',
    });
  });

  it('an editor acts as accounts of his namespace, with none of the rights of others', async () => {
    const whoami = (user: string, more: Record<string, string> = {}): Promise<Answer> =>
      as('editor', 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        body: {},
        headers: { 'impersonate-user': `system:serviceaccount:${user}`, ...more },
      });
    expect((await whoami('team:default')).status).toBe(201);
    expect((await whoami('kube-system:strong')).status).toBe(403);
    expect((await whoami('team:default', { 'impersonate-group': 'system:masters' })).status).toBe(403);
    expect((await whoami('team:default', { 'impersonate-extra-scopes': 'all' })).status).toBe(403);
  });

  it('for joining count in kube-system alone, and give no group of the cluster', async () => {
    const stringData = {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:x,system:masters',
    };
    const token = 'abcdef.0123456789abcdef';
    const body = { metadata: { name: 'bootstrap-token-abcdef' }, type: 'bootstrap.kubernetes.io/token', stringData };
    expect(await status('editor', 'POST', `${core}/team/secrets`, body)).toBe(201);
    expect((await bed.server.send('GET', '/api', { token })).status).toBe(401);
    expect(await status('editor', 'POST', `${core}/kube-system/secrets`, body)).toBe(403);
    await bed.server.send('POST', `${core}/kube-system/secrets`, { body });
    expect((await bed.server.send('GET', '/api', { token })).status).toBe(200);
    expect((await bed.server.send('GET', '/api/v1/nodes', { token })).status).toBe(403);
    await bed.server.api.delete(secrets, { namespace: 'kube-system', name: 'bootstrap-token-abcdef' });
  });
});

describe('certificates and names of nodes', () => {
  const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const ask = async (
    user: User | 'admin',
    name: string,
    signerName: string,
    about: RequestSubject,
  ): Promise<number> => {
    const pem = await makeSigningRequest(await makePrivateKey(), about);
    const spec = { request: Buffer.from(pem).toString('base64'), signerName, usages: ['client auth'] };
    const body = { metadata: { name }, spec };
    return user === 'admin'
      ? (await bed.server.send('POST', requests, { body })).status
      : status(user, 'POST', requests, body);
  };
  const masters = { commonName: 'me', organizations: ['system:masters'] };
  const otherNode = { commonName: 'system:node:n2', organizations: ['system:nodes'] };

  it('are asked for by who may, and given by nobody who may not', async () => {
    expect(await ask('editor', 'a', 'kubernetes.io/kube-apiserver-client', masters)).toBe(403);
    expect(await ask('node', 'b', 'kubernetes.io/kube-apiserver-client', masters)).toBe(403);
    for (const group of ['system:masters', 'timonel:store-members', 'timonel:masters']) {
      const about = { commonName: 'me', organizations: ['developers', group] };
      expect(await ask('admin', 'e', 'kubernetes.io/kube-apiserver-client', about)).toBe(403);
    }
    // Another node's name: asked for, but it stays without an answer.
    const signer = 'kubernetes.io/kube-apiserver-client-kubelet';
    expect(await ask('node', 'c', signer, otherNode)).toBe(201);
    expect(await status('node', 'PATCH', `${requests}/c/approval`, {}, merge)).toBe(403);
    expect(await status('node', 'PATCH', `${requests}/c/status`, {}, merge)).toBe(403);
    // One that is right, and asked for later, is answered.
    expect(
      await ask('admin', 'd', 'kubernetes.io/kube-apiserver-client', { commonName: 'jane', organizations: [] }),
    ).toBe(201);
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: '' }];
    const approved = { body: { status: { conditions } }, type: merge };
    await bed.server.send('PATCH', `${requests}/d/approval`, approved);
    const statusOf = async (name: string): Promise<{ certificate?: string }> =>
      (await bed.server.send('GET', `${requests}/${name}`)).body.status;
    await until(async () => (await statusOf('d')).certificate !== undefined, { what: 'the certificate' });
    expect(await statusOf('c')).toEqual({});
  });

  it('a node is one by name and group together', async () => {
    for (const user of ['groupless', 'nameless'] as const) {
      expect(await status(user, 'GET', '/api/v1/nodes')).toBe(403);
      expect(await status(user, 'GET', `${core}/team/secrets`)).toBe(403);
      expect(await status(user, 'POST', '/api/v1/nodes', { metadata: { name: 'n1' } })).toBe(403);
    }
    expect(await status('node', 'GET', '/api/v1/nodes')).toBe(200);
    expect(await status('node', 'POST', '/api/v1/nodes', { metadata: { name: 'n2' } })).toBe(403);
  });
});

describe('other servers', () => {
  it('are neither registered nor reached by who has no right', async () => {
    const things = `/apis/${aggregatedGroup}/v1/namespaces/team/things`;
    bed.passed.length = 0;
    for (const user of ['editor', 'lead', 'writer', 'node'] as const) {
      expect(await status(user, 'GET', things)).toBe(403);
      expect(await status(user, 'POST', `${things}/a/status`, {})).toBe(403);
      const spec = { group: 'own.example.com', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1 };
      const body = { metadata: { name: 'v1.own.example.com' }, spec };
      expect(await status(user, 'POST', '/apis/apiregistration.k8s.io/v1/apiservices', body)).toBe(403);
    }
    expect(bed.passed).toEqual([]);
  });
});
