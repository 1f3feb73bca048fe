/** MutatingAdmissionPolicies and what binds them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import admissionPolicies from '@timonel/plugin-admission-policies';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { serveCrd, versionOf, type Json } from '../support/crds.ts';
import { applied, MutatingPolicies, patched, registration, rulesOf } from '../support/mutating-policies.ts';

const namespace = '/api/v1/namespaces/default';
const template = (spec: Json): Json => ({ metadata: { labels: { app: 'web' } }, spec });
let server: TestApiServer;
let policies: MutatingPolicies;

const create = (name: string, more: Json = {}, query = ''): Promise<Answer> =>
  server.send('POST', `${namespace}/configmaps${query}`, { body: { metadata: { name }, ...more } });

const deploy = (name: string, spec: Json, more: Json = {}): Promise<Answer> =>
  server.send('POST', '/apis/apps/v1/namespaces/default/deployments', {
    body: {
      metadata: { name, ...more },
      spec: { selector: { matchLabels: { app: 'web' } }, template: template(spec) },
    },
  });

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd, admissionPolicies] });
  policies = new MutatingPolicies(server);
});
afterEach(() => policies.clear());
afterAll(() => server.stop());

describe('a mutating policy that applies a configuration', () => {
  it('merges it: lists by their keys, maps by theirs, and takes nothing out', async () => {
    await policies.enforce(
      [
        applied(`Object{
          metadata: Object.metadata{ labels: {'team': 'a'} },
          spec: Object.spec{ template: Object.spec.template{ spec: Object.spec.template.spec{
            initContainers: [Object.spec.template.spec.initContainers{ name: 'mesh', image: 'mesh:1' }],
            containers: [Object.spec.template.spec.containers{
              name: 'web',
              env: [Object.spec.template.spec.containers.env{ name: 'TEAM', value: 'a' }]
            }]
          } } }
        }`),
      ],
      { matchConstraints: rulesOf('deployments', 'apps') },
    );
    const containers = [
      { name: 'web', image: 'web:1', env: [{ name: 'A', value: '1' }] },
      { name: 'other', image: 'other:1' },
    ];
    const { status, body } = await deploy('merged', { containers }, { labels: { own: 'yes' } });
    expect(status).toBe(201);
    expect(body.metadata.labels).toEqual({ own: 'yes', team: 'a' });
    expect(body.spec.template.spec).toMatchObject({
      initContainers: [{ name: 'mesh', image: 'mesh:1', terminationMessagePolicy: 'File' }],
      containers: [
        {
          name: 'web',
          image: 'web:1',
          env: [
            { name: 'A', value: '1' },
            { name: 'TEAM', value: 'a' },
          ],
        },
        { name: 'other', image: 'other:1' },
      ],
    });
  });

  it.each([
    [
      'lists that are one value',
      "Object{ spec: Object.spec{ template: Object.spec.template{ spec: Object.spec.template.spec{ containers: [Object.spec.template.spec.containers{ name: 'web', args: ['-v'] }] } } } }",
      'may not mutate atomic arrays, maps or structs: .spec.template.spec.containers[name="web"].args',
    ],
    [
      'fields that there are not',
      "Object{ spec: Object.spec{ size: 'large' } }",
      '.spec.size: field not declared in schema',
    ],
    ['values of another type', "Object{ spec: Object.spec{ replicas: 'two' } }", '.spec.replicas: expected'],
    [
      'types in places that are not theirs',
      'Object{ spec: Object.status{ replicas: 1 } }',
      'unexpected type name "Object.status", expected "Object.spec", which matches field name path from root Object type',
    ],
    ['another name', "Object{ metadata: Object.metadata{ name: 'other' } }", 'metadata.name may not be changed'],
    ['another uid', "Object{ metadata: Object.metadata{ uid: 'other' } }", 'metadata.uid may not be changed'],
  ])('cannot apply %s', async (_, expression, message) => {
    const matchConstraints = rulesOf('deployments', 'apps');
    const name = await policies.enforce([applied(expression)], { matchConstraints });
    const containers = [{ name: 'web', image: 'web:1' }];
    const { body } = await deploy('refused', { containers });
    expect(body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(body.message).toContain(
      `deployments.apps "refused" is forbidden: policy '${name}' with binding '${name}' denied request: `,
    );
    expect(body.message).toContain(message);
  });

  it('merges into what subresources take', async () => {
    await policies.enforce([applied('Object{ spec: Object.spec{ expirationSeconds: 1200 } }')], {
      matchConstraints: rulesOf('serviceaccounts/token'),
    });
    await server.send('POST', `${namespace}/serviceaccounts`, { body: { metadata: { name: 'tokens' } } });
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['own'] } };
    const issued = await server.send('POST', `${namespace}/serviceaccounts/tokens/token`, { body });
    expect(issued.body.spec).toMatchObject({ audiences: ['own'], expirationSeconds: 1200 });
  });

  it('names fields that are no names of expressions', async () => {
    const properties = {
      spec: { type: 'object', properties: { namespace: { type: 'string' }, 'a-b': { type: 'string' } } },
    };
    await serveCrd(server, { group: 'names.example.com', versions: [versionOf('v1', properties)] });
    await policies.enforce([applied("Object{ spec: Object.spec{ __namespace__: 'x', a__dash__b: 'y' } }")], {
      matchConstraints: rulesOf('crontabs', 'names.example.com'),
    });
    const path = '/apis/names.example.com/v1/namespaces/default/crontabs';
    const { body } = await server.send('POST', path, {
      body: { apiVersion: 'names.example.com/v1', kind: 'CronTab', metadata: { name: 'one' } },
    });
    expect(body.spec).toEqual({ namespace: 'x', 'a-b': 'y' });
  });
});

describe('a mutating policy that patches', () => {
  it('adds, replaces and takes out, at paths with any key', async () => {
    await policies.enforce([
      patched(`[
        JSONPatch{ op: 'test', path: '/data/a', value: '1' },
        JSONPatch{ op: 'replace', path: '/data/a', value: string(size(object.data)) },
        JSONPatch{ op: 'remove', path: '/data/b' },
        JSONPatch{ op: 'add', path: '/metadata/labels', value: {} },
        JSONPatch{ op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.com/env'), value: 'test' }
      ]`),
      patched("has(object.data.c) ? [JSONPatch{ op: 'move', from: '/data/c', path: '/data/d' }] : []"),
    ]);
    const { body } = await create('patched', { data: { a: '1', b: '2', c: '3' } });
    expect(body.data).toEqual({ a: '3', d: '3' });
    expect(body.metadata.labels).toEqual({ 'example.com/env': 'test' });
    expect((await create('other', { data: { a: 'x' } })).body).toMatchObject({ code: 422 });
  });

  it('may not make another object of it', async () => {
    await policies.enforce([patched("[JSONPatch{ op: 'replace', path: '/metadata/name', value: 'b' }]")]);
    expect((await create('a')).body.message).toContain('metadata.name may not be changed by admission');
  });
});

describe('a mutating policy', () => {
  it('sees the request, the namespace, what was before, its variables and parameters', async () => {
    await create('settings', { data: { prefix: 'p-' } });
    await policies.enforce(
      [
        applied(`Object{ data: {
          'by': request.userInfo.username,
          'in': namespaceObject.metadata.name,
          'was': oldObject == null ? '' : oldObject.data.a,
          'name': variables.named,
          'may': string(authorizer.group('').resource('pods').namespace('default').check('list').allowed())
        } }`),
      ],
      {
        matchConditions: [{ name: 'wants', expression: "'a' in object.data && params.data.prefix != ''" }],
        variables: [{ name: 'named', expression: 'params.data.prefix + object.metadata.name' }],
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      },
      { paramRef: { name: 'settings', parameterNotFoundAction: 'Deny' } },
    );
    const first = await create('seen', { data: { a: '1' } });
    expect(first.body.data).toMatchObject({ a: '1', in: 'default', was: '', name: 'p-seen', may: 'true' });
    expect(first.body.data.by).toMatch(/./);
    const patch = { type: 'application/merge-patch+json', body: { data: { a: '2' } } };
    const second = await server.send('PATCH', `${namespace}/configmaps/seen`, patch);
    expect(second.body.data).toMatchObject({ a: '2', was: '1' });
    expect((await create('unasked', { data: { b: '1' } })).body.data).toEqual({ b: '1' });
  });

  it('is evaluated for each of its bindings and parameters, and each sees what those before it did', async () => {
    const labels = { set: 'letters' };
    for (const letter of ['x', 'y'])
      await create(`letter-${letter}`, { metadata: { name: `letter-${letter}`, labels } });
    await policies.enforce(
      [
        applied(
          "Object{ data: {'log': (has(object.data) && 'log' in object.data ? object.data.log : '') + params.metadata.name + ';'} }",
        ),
      ],
      { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } },
      { paramRef: { selector: { matchLabels: labels }, parameterNotFoundAction: 'Allow' } },
    );
    await policies.enforce([applied("Object{ data: {'log': object.data.log + 'last'} }")]);
    expect((await create('logged')).body.data).toEqual({ log: 'letter-x;letter-y;last' });
  });

  it('misses parameters that its binding wants', async () => {
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    const mutation = [applied("Object{ data: {'a': params == null ? 'none' : 'one'} }")];
    const binding = (action: string): Json => ({ paramRef: { name: 'missing', parameterNotFoundAction: action } });
    await policies.enforce(mutation, { paramKind }, binding('Allow'));
    expect((await create('allowed')).body.data).toBeUndefined();
    await policies.enforce(mutation, { paramKind }, binding('Deny'));
    expect((await create('denied')).body.message).toContain(
      'denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    );
  });

  it('fails closed when it cannot be evaluated, unless it may be left out: then it changes nothing', async () => {
    const mutations = [applied("Object{ data: {'a': '1'} }"), applied("Object{ data: {'b': object.data.missing} }")];
    await policies.enforce(mutations, { failurePolicy: 'Ignore' });
    expect((await create('ignored')).body.data).toBeUndefined();
    await policies.enforce(mutations);
    expect((await create('unmutated')).body.message).toContain(
      "expression 'Object{ data: {'b': object.data.missing} }' resulted in error: no such key: missing",
    );
  });

  it('mutates before validation, and not what is deleted', async () => {
    const everything = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['*'] };
    await create('kept');
    await policies.enforce([applied("Object{ data: {'not/valid': 'x'} }")], {
      matchConstraints: { resourceRules: [everything] },
      matchConditions: [{ name: 'some', expression: "request.name in ['kept', 'invalid']" }],
    });
    expect((await create('invalid')).body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(await server.send('DELETE', `${namespace}/configmaps/kept`)).toMatchObject({ status: 200 });
  });

  it('keeps nobody from changing policies, and does not see who somebody is or what they may do', async () => {
    const everything = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] };
    const name = await policies.enforce([applied("Object{ metadata: Object.metadata{ labels: {'a': 'b'} } }")], {
      matchConstraints: { resourceRules: [everything] },
    });
    const path = `${registration}/mutatingadmissionpolicybindings/${name}`;
    const body = { metadata: { annotations: { c: 'd' } } };
    const changed = await server.send('PATCH', path, { type: 'application/merge-patch+json', body });
    expect(changed.body.metadata).toMatchObject({ annotations: { c: 'd' } });
    expect(changed.body.metadata.labels).toBeUndefined();
    const review = await server.send('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {} });
    expect(review).toMatchObject({ status: 201 });
    expect(review.body.metadata.labels).toBeUndefined();
    expect((await create('labelled')).body.metadata.labels).toEqual({ a: 'b' });
  });

  it.each([
    ['mutations[0].applyConfiguration.expression', [applied('Object{')], 'Syntax error'],
    ['mutations[0].applyConfiguration.expression', [applied("'text'")], 'must evaluate to Object'],
    ['mutations[1].jsonPatch.expression', [applied('Object{}'), patched('[1]')], 'must evaluate to list(JSONPatch)'],
    ['mutations[0].jsonPatch.expression', [patched('[JSONPatch{ what: 1 }]')], "undefined field 'what'"],
    ['mutations[0].applyConfiguration.expression', [applied('Object{ a: variables.none }')], "undefined field 'none'"],
  ])('has expressions that can be compiled: %s', async (path, mutations, message) => {
    const spec = { matchConstraints: rulesOf('configmaps'), reinvocationPolicy: 'Never', mutations };
    const body = { metadata: { name: 'wrong' }, spec };
    const answer = await server.send('POST', `${registration}/mutatingadmissionpolicies?dryRun=All`, { body });
    expect(answer.body).toMatchObject({ code: 422 });
    expect(answer.body.message).toContain(`spec.${path}: Invalid value`);
    expect(answer.body.message).toContain('compilation failed: ERROR: <input>:1:');
    expect(answer.body.message).toContain(message);
  });
});
