/** Roles and bindings over HTTPS: the words of refusals, reviews, impersonation, and attempts to get more than one has. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterRoleBindings, clusterRoles, configMaps, namespaces, roleBindings, roles } from '@timonel/sdk/kube';
import type { KubeObject, PolicyRule, Role } from '@timonel/sdk/kube';
import controllerRoleAggregation from '@timonel/plugin-controller-roleaggregation';
import authzRbac from '@timonel/plugin-authz-rbac';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type RequestOptions, type TestApiServer } from '../support/api-server.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const rbac = `/apis/${apiGroup}/v1`;
const inTeam = `${rbac}/namespaces/team`;
const tokenOf = (user: string): string => `token-of-the-user-${user}`;
const users = ['reader', 'lead', 'binder', 'escalator', 'actor', 'nobody', 'named'];

let server: TestApiServer;

function as(user: string, method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  return server.send(method, path, { token: tokenOf(user), ...options });
}

async function give(user: string, ...rules: PolicyRule[]): Promise<void> {
  const metadata = { name: user, namespace: 'team' };
  await server.api.create(roles, { metadata, rules });
  const subjects = [{ apiGroup, kind: 'User', name: user }];
  await server.api.create(roleBindings, { metadata, roleRef: { apiGroup, kind: 'Role', name: user }, subjects });
}

const rule = (
  verbs: string[],
  apiGroups: string[],
  resources: string[],
  more: Partial<PolicyRule> = {},
): PolicyRule => ({
  verbs,
  apiGroups,
  resources,
  ...more,
});
const podReader = rule(['get', 'list'], [''], ['pods']);
const role = (name: string, ...rules: PolicyRule[]): Role => ({ metadata: { name }, rules });
const bindingTo = (kind: string, name: string): KubeObject =>
  ({ metadata: { name: 'mine' }, roleRef: { apiGroup, kind, name }, subjects: [] }) as unknown as KubeObject;

beforeAll(async () => {
  server = await startApiServer({
    plugins: [authzRbac, controllerRoleAggregation],
    apiserver: { access: 'decided' },
    config: { 'auth-token': { tokens: users.map((username) => ({ token: tokenOf(username), username })) } },
  });
  await server.api.create(namespaces, { metadata: { name: 'team' } });
  const writesRbac = rule(['create', 'update', 'patch', 'delete', 'get'], [apiGroup], ['roles', 'rolebindings']);
  await give('reader', podReader);
  await give('lead', podReader, writesRbac);
  await give('binder', writesRbac, rule(['bind'], [apiGroup], ['clusterroles'], { resourceNames: ['view'] }));
  await give('escalator', writesRbac, rule(['escalate'], [apiGroup], ['roles']));
  await give('named', rule(['get', 'list', 'watch', 'patch'], [''], ['configmaps'], { resourceNames: ['a'] }));
  const impersonator = [
    rule(['impersonate'], [''], ['users'], { resourceNames: ['reader'] }),
    rule(['impersonate'], [''], ['groups'], { resourceNames: ['readers'] }),
    rule(['impersonate'], ['authentication.k8s.io'], ['userextras/scopes'], { resourceNames: ['view'] }),
  ];
  await server.api.create(clusterRoles, { metadata: { name: 'impersonator' }, rules: impersonator });
  await server.api.create(clusterRoleBindings, {
    metadata: { name: 'impersonator' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'impersonator' },
    subjects: [{ apiGroup, kind: 'User', name: 'actor' }],
  });
  for (const name of ['a', 'b']) await server.api.create(configMaps, { metadata: { name, namespace: 'team' } });
  await until(async () => (await as('named', 'GET', '/api/v1/namespaces/team/configmaps/a')).status === 200, {
    what: 'the roles to be in force',
  });
  await until(
    async () => (await as('actor', 'GET', '/api', { headers: { 'impersonate-user': 'reader' } })).status === 200,
    {
      what: 'the rights of the actor to be in force',
    },
  );
});
afterAll(() => server.stop());

describe('refusals', () => {
  it.each([
    [
      'GET',
      '/api/v1/namespaces/x/pods',
      'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "x"',
    ],
    [
      'GET',
      '/api/v1/nodes/n',
      'nodes "n" is forbidden: User "nobody" cannot get resource "nodes" in API group "" at the cluster scope',
    ],
    [
      'GET',
      '/apis/apps/v1/deployments',
      'deployments.apps is forbidden: User "nobody" cannot list resource "deployments" in API group "apps" at the cluster scope',
    ],
    [
      'GET',
      '/api/v1/namespaces/x/pods/p/log',
      'pods "p" is forbidden: User "nobody" cannot get resource "pods/log" in API group "" in the namespace "x"',
    ],
    [
      'GET',
      '/api/v1/namespaces/x',
      'namespaces "x" is forbidden: User "nobody" cannot get resource "namespaces" in API group "" in the namespace "x"',
    ],
    ['GET', '/metrics', 'forbidden: User "nobody" cannot get path "/metrics"'],
    [
      'GET',
      '/apis/kernel.timonel.dev/v1/plugins',
      'plugins.kernel.timonel.dev is forbidden: User "nobody" cannot list resource "plugins" in API group "kernel.timonel.dev" at the cluster scope',
    ],
  ])('%s %s', async (method, path, message) => {
    const { status, body } = await as('nobody', method, path);
    expect(body).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403, message });
    expect(status).toBe(403);
  });

  it.each([
    '/apis/kernel.timonel.dev/v1/%2e/plugins',
    '/apis/kernel.timonel.dev/v1//plugins',
    '/APIS/kernel.timonel.dev/v1/plugins',
    '/api/v1/pods/%2f',
  ])('what only looks like another path: %s', async (path) =>
    expect([403, 404]).toContain((await as('nobody', 'GET', path)).status),
  );

  it('health and version for everybody, discovery for who is authenticated', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/version'])
      expect((await server.send('GET', path, { token: null })).status).toBe(200);
    for (const path of ['/api', '/apis', '/api/v1', '/apis/apps/v1', '/openapi/v2']) {
      expect((await server.send('GET', path, { token: null })).status).toBe(401);
      expect((await as('nobody', 'GET', path)).status).toBe(200);
    }
    expect((await as('nobody', 'GET', '/readyz/ping')).status).toBe(403);
  });

  it('names: only the ones named, also by field selectors', async () => {
    const path = '/api/v1/namespaces/team/configmaps';
    const list = (selector: string): Promise<Answer> =>
      as('named', 'GET', `${path}?fieldSelector=${encodeURIComponent(selector)}`);
    expect((await list('metadata.name=a')).body.items).toHaveLength(1);
    for (const selector of ['metadata.name=b', 'metadata.name!=a', 'metadata.namespace!=x\\,metadata.name=a', ''])
      expect((await list(selector)).status).toBe(403);
  });

  it('applying what is not there is creating it', async () => {
    const apply = (name: string): Promise<Answer> =>
      as('named', 'PATCH', `/api/v1/namespaces/team/configmaps/${name}?fieldManager=me`, {
        type: 'application/apply-patch+yaml',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { k: 'v' } },
      });
    expect((await apply('a')).status).toBe(200);
    await server.api.delete(configMaps, { name: 'a', namespace: 'team' });
    expect((await apply('a')).body.message).toContain('cannot create resource "configmaps"');
    await server.api.create(configMaps, { metadata: { name: 'a', namespace: 'team' } });
  });
});

describe('reviews', () => {
  const review = (user: string, kind: string, spec: unknown): Promise<Answer> =>
    as(user, 'POST', `/apis/authorization.k8s.io/v1/${kind}`, { body: { spec } });

  it('SelfSubjectAccessReview and SelfSubjectRulesReview say what requests get', async () => {
    const resourceAttributes = { namespace: 'team', verb: 'list', resource: 'pods' };
    const allowed = async (user: string): Promise<boolean> =>
      (await review(user, 'selfsubjectaccessreviews', { resourceAttributes })).body.status.allowed;
    expect([await allowed('reader'), await allowed('nobody')]).toEqual([true, false]);
    const { status } = (await review('reader', 'selfsubjectrulesreviews', { namespace: 'team' })).body;
    expect(status).toMatchObject({ incomplete: false });
    expect(status.resourceRules).toContainEqual(podReader);
    expect(status.nonResourceRules[0].verbs).toEqual(['get']);
  });

  it('SubjectAccessReview is not for everybody', async () => {
    const spec = { user: 'reader', resourceAttributes: { namespace: 'team', verb: 'list', resource: 'pods' } };
    expect((await review('nobody', 'subjectaccessreviews', spec)).status).toBe(403);
    const answer = await server.send('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body: { spec } });
    expect(answer.body.status).toMatchObject({ allowed: true });
  });
});

describe('nobody grants more than he has', () => {
  const post = (user: string, path: string, body: unknown): Promise<Answer> => as(user, 'POST', path, { body });

  it('by a role', async () => {
    expect((await post('lead', `${inTeam}/roles`, role('ok', podReader))).status).toBe(201);
    const greedy = role('greedy', rule(['get', 'delete'], [''], ['pods', 'secrets']));
    expect((await post('lead', `${inTeam}/roles`, greedy)).body).toMatchObject({
      code: 403,
      message: [
        'roles.rbac.authorization.k8s.io "greedy" is forbidden: user "lead" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:',
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get", "delete"]}',
      ].join('\n'),
    });
    const body = [{ op: 'add', path: '/rules/-', value: rule(['*'], ['*'], ['*']) }];
    const patch = { type: 'application/json-patch+json', body };
    expect((await as('lead', 'PATCH', `${inTeam}/roles/ok`, patch)).status).toBe(403);
    expect((await as('lead', 'PATCH', `${inTeam}/roles/lead`, patch)).status).toBe(403);
    expect((await post('escalator', `${inTeam}/roles`, greedy)).status).toBe(201);
  });

  it('by a binding', async () => {
    const bind = (user: string, kind: string, name: string): Promise<Answer> =>
      post(user, `${inTeam}/rolebindings?dryRun=All`, bindingTo(kind, name));
    expect((await bind('lead', 'Role', 'reader')).status).toBe(201);
    expect((await bind('lead', 'ClusterRole', 'cluster-admin')).status).toBe(403);
    expect((await bind('lead', 'ClusterRole', 'none')).status).toBe(404);
    expect((await bind('binder', 'ClusterRole', 'view')).status).toBe(201);
    expect((await bind('binder', 'ClusterRole', 'edit')).status).toBe(403);
    expect((await post('lead', `${rbac}/clusterrolebindings`, bindingTo('ClusterRole', 'view'))).status).toBe(403);
  });

  it('by what the binding of somebody else is changed to', async () => {
    const patch = {
      type: 'application/merge-patch+json',
      body: { subjects: [{ apiGroup, kind: 'User', name: 'lead' }] },
    };
    expect((await as('lead', 'PATCH', `${inTeam}/rolebindings/escalator`, patch)).status).toBe(403);
  });
});

describe('impersonation', () => {
  const whoami = (user: string, headers: Record<string, string>): Promise<Answer> =>
    as(user, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {}, headers });

  it('of what is allowed', async () => {
    const headers = {
      'impersonate-user': 'reader',
      'impersonate-group': 'readers',
      'impersonate-extra-scopes': 'view',
    };
    expect((await whoami('actor', headers)).body.status.userInfo).toEqual({
      username: 'reader',
      groups: ['readers', 'system:authenticated'],
      extra: { scopes: ['view'] },
    });
    const pods = '/api/v1/namespaces/team/pods';
    expect((await as('actor', 'GET', pods)).status).toBe(403);
    expect((await as('actor', 'GET', pods, { headers: { 'impersonate-user': 'reader' } })).status).toBe(200);
  });

  it.each<[string, Record<string, string>, string]>([
    [
      'another user',
      { 'impersonate-user': 'lead' },
      'users "lead" is forbidden: User "actor" cannot impersonate resource "users" in API group "" at the cluster scope',
    ],
    [
      'a group',
      { 'impersonate-user': 'reader', 'impersonate-group': 'system:masters' },
      'cannot impersonate resource "groups"',
    ],
    [
      'two groups in one header',
      { 'impersonate-user': 'reader', 'impersonate-group': 'readers, system:masters' },
      'cannot impersonate resource "groups"',
    ],
    ['a uid', { 'impersonate-user': 'reader', 'impersonate-uid': '1' }, 'cannot impersonate resource "uids"'],
    [
      'extra',
      { 'impersonate-user': 'reader', 'impersonate-extra-scopes': 'all' },
      'cannot impersonate resource "userextras/scopes"',
    ],
    [
      'an account',
      { 'impersonate-user': 'system:serviceaccount:team:x' },
      'cannot impersonate resource "serviceaccounts" in API group "" in the namespace "team"',
    ],
  ])('not of %s', async (_, headers, message) => {
    expect((await whoami('actor', headers)).body).toMatchObject({
      code: 403,
      message: expect.stringContaining(message),
    });
  });

  it('not without a user, nor by who has no right at all', async () => {
    expect((await whoami('actor', { 'impersonate-group': 'readers' })).status).toBe(400);
    expect((await whoami('nobody', { 'impersonate-user': 'reader' })).status).toBe(403);
    expect(
      (await whoami('nobody', { 'impersonate-user': 'admin', 'impersonate-group': 'system:masters' })).status,
    ).toBe(403);
  });

  it('does not outlast the request', async () => {
    await whoami('actor', { 'impersonate-user': 'reader' });
    expect((await whoami('actor', {})).body.status.userInfo.username).toBe('actor');
  });
});
