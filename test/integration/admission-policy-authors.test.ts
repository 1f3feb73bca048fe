/** Policies of admission read their parameters with the rights of the server: nobody uses them to read what they may not. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterRoleBindings, clusterRoles } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startAccessBed, type AccessBed } from '../support/access-bed.ts';
import type { Answer } from '../support/api-server.ts';

type Json = Record<string, unknown>;
const apiGroup = 'rbac.authorization.k8s.io';
const registration = '/apis/admissionregistration.k8s.io/v1';
const tokens = {
  admin: 'token-of-the-administrator',
  /** Writes policies, gets ConfigMaps and nothing else. */
  author: 'token-of-the-author-of-policies',
} as const;
let bed: AccessBed;

const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
const kinds = { map: { apiVersion: 'v1', kind: 'ConfigMap' }, secret: { apiVersion: 'v1', kind: 'Secret' } };
const flavours = {
  validating: { validations: [{ expression: 'true' }] },
  mutating: {
    reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }],
  },
} as const;
type Flavour = keyof typeof flavours;

const send = (user: keyof typeof tokens, method: string, path: string, body?: Json): Promise<Answer> =>
  bed.server.send(method, `${registration}/${path}`, {
    token: tokens[user],
    ...(body === undefined ? {} : { body }),
    ...(method === 'PATCH' ? { type: 'application/merge-patch+json' } : {}),
  });
const policyOf = (flavour: Flavour, name: string, more: Json): Json => ({
  metadata: { name },
  spec: { matchConstraints: { resourceRules: rules }, ...flavours[flavour], ...more },
});
const bindingOf = (flavour: Flavour, policyName: string, name: string, paramRef: Json): Json => ({
  metadata: { name },
  spec: {
    policyName,
    ...(flavour === 'validating' ? { validationActions: ['Deny'] } : {}),
    paramRef: { parameterNotFoundAction: 'Allow', ...paramRef },
  },
});
const forbidden = { code: 403, reason: 'Forbidden' };

beforeAll(async () => {
  bed = await startAccessBed([
    { token: tokens.admin, username: 'admin', groups: ['system:masters'] },
    { token: tokens.author, username: 'author' },
  ]);
  const { api } = bed.server;
  await api.create(clusterRoles, {
    metadata: { name: 'author' },
    rules: [
      { apiGroups: ['admissionregistration.k8s.io'], resources: ['*'], verbs: ['*'] },
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
    ],
  });
  await api.create(clusterRoleBindings, {
    metadata: { name: 'author' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'author' },
    subjects: [{ kind: 'User', apiGroup, name: 'author' }],
  });
  const mayList = async (): Promise<boolean> =>
    (await send('author', 'GET', 'validatingadmissionpolicies')).status === 200;
  await until(mayList, { what: 'the rights of the author' });
});
afterAll(() => bed?.stop());

describe.each(['validating', 'mutating'] as const)('who writes %s policies', (flavour) => {
  const policies = `${flavour}admissionpolicies`;
  const bindings = `${flavour}admissionpolicybindings`;
  const ofSecrets = `${flavour}-secrets`;
  const ofMaps = `${flavour}-maps`;

  it('has to have the right to get all objects of the kind of their parameters', async () => {
    const secrets = policyOf(flavour, ofSecrets, { paramKind: kinds.secret });
    const refused = await send('author', 'POST', policies, secrets);
    expect(refused.body).toMatchObject(forbidden);
    expect(refused.body.message).toContain('user "author" must have "get" permission on all secrets');
    expect((await send('admin', 'POST', policies, secrets)).status).toBe(201);
    const maps = policyOf(flavour, ofMaps, { paramKind: kinds.map });
    expect((await send('author', 'POST', policies, maps)).status).toBe(201);
    const change = (name: string, spec: Json): Promise<Answer> =>
      send('author', 'PATCH', `${policies}/${name}`, { spec });
    expect((await change(ofMaps, { paramKind: kinds.secret })).body).toMatchObject(forbidden);
    expect((await change(ofSecrets, { failurePolicy: 'Ignore' })).status).toBe(200);
    const unknown = { paramKind: { apiVersion: 'v1', kind: 'Nothing' } };
    expect((await send('author', 'POST', policies, policyOf(flavour, 'unknown', unknown))).body).toMatchObject(
      forbidden,
    );
  });

  it('has to have the right to get the objects that a binding names, and to list those that it selects', async () => {
    const bind = (user: keyof typeof tokens, policy: string, paramRef: Json, name = 'tried'): Promise<Answer> =>
      send(user, 'POST', bindings, bindingOf(flavour, policy, name, paramRef));
    const named = { name: 'one', namespace: 'kube-system' };
    const refused = await bind('author', ofSecrets, named);
    expect(refused.body).toMatchObject(forbidden);
    expect(refused.body.message).toContain('"get" permission on "one" of secrets in namespace "kube-system"');
    expect((await bind('author', ofSecrets, { selector: {} })).body.message).toContain(
      '"list" permission on all secrets',
    );
    expect((await bind('author', ofMaps, { selector: {} })).body).toMatchObject(forbidden);
    expect((await bind('author', 'nowhere', named)).body).toMatchObject(forbidden);
    expect((await bind('author', ofMaps, named, 'maps')).status).toBe(201);
    expect((await bind('admin', ofSecrets, named, 'secrets')).status).toBe(201);
    const change = (name: string, spec: Json): Promise<Answer> =>
      send('author', 'PATCH', `${bindings}/${name}`, { spec });
    expect((await change('maps', { policyName: ofSecrets })).body).toMatchObject(forbidden);
    expect((await change('secrets', { paramRef: { name: 'two' } })).body).toMatchObject(forbidden);
    expect((await change('secrets', { matchResources: { matchPolicy: 'Exact' } })).status).toBe(200);
  });
});
