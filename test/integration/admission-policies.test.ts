/** ValidatingAdmissionPolicies and what binds them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin } from '@timonel/sdk';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import admissionPolicies from '@timonel/plugin-admission-policies';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { eventually, serveCrd } from '../support/crds.ts';

type Json = Record<string, unknown>;

const registration = '/apis/admissionregistration.k8s.io/v1';
const maps = '/api/v1/namespaces/default/configmaps';
const matchConstraints = {
  resourceRules: [
    { operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ],
};
/** Trusts service accounts of one namespace. */
const trust = definePlugin({
  name: 'trust',
  version: '1.0.0',
  apiVersion: 1,
  description: 'decides on access',
  setup(ctx) {
    ctx.tap(apiHooks.accessDecide, ({ user }) => {
      const allowed =
        !user.groups.includes('system:serviceaccounts') || user.groups.includes('system:serviceaccounts:trusted');
      return { allowed, reason: '' };
    });
  },
});
let server: TestApiServer;
let count = 0;
const made: { readonly name: string; readonly path: string }[] = [];

const create = (name: string, more: Json = {}, query = ''): Promise<Answer> =>
  server.send('POST', `${maps}${query}`, { body: { metadata: { name }, ...more } });

/** Whether a request that is meant for nobody but this policy is refused. */
async function isInForce(name: string): Promise<boolean> {
  const { body } = await create(`probe-${name}`, { data: { missing: 'a' } }, '?dryRun=All');
  return String(body.message).endsWith(`'${name}' denied request: probe`);
}

/** A policy and its binding, in force once they are made. */
async function enforce(spec: Json, binding: Json = {}): Promise<string> {
  const name = `policy-${(count += 1)}`;
  const { validations = [], ...rest } = spec as { validations?: Json[] };
  const policies = `${registration}/validatingadmissionpolicies`;
  const bindings = `${registration}/validatingadmissionpolicybindings`;
  const probe = { expression: `object.metadata.name != "probe-${name}"`, message: 'probe' };
  const body = { metadata: { name }, spec: { matchConstraints, ...rest, validations: [probe, ...validations] } };
  expect(await server.send('POST', policies, { body })).toMatchObject({ status: 201 });
  const bound = { policyName: name, validationActions: ['Deny'], ...binding };
  const first = { policyName: name, validationActions: ['Deny'] };
  made.push({ name, path: `${policies}/${name}` }, { name, path: `${bindings}/${name}` });
  expect(await server.send('POST', bindings, { body: { metadata: { name }, spec: first } })).toMatchObject({
    status: 201,
  });
  await eventually(`${name} is in force`, async () => expect(await isInForce(name)).toBe(true));
  const patch = { type: 'application/merge-patch+json', body: { spec: bound } };
  const changed = await server.send('PATCH', `${bindings}/${name}`, patch);
  expect(changed).toMatchObject({ status: 200 });
  return name;
}

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd, admissionPolicies, trust] });
});
afterEach(async () => {
  const gone = made.splice(0);
  for (const { path } of gone) await server.send('DELETE', path);
  for (const { name } of gone) {
    await eventually(`${name} is gone`, async () => expect(await isInForce(name)).toBe(false));
  }
});
afterAll(async () => {
  await server.stop();
});

describe('a validating admission policy', () => {
  it('refuses what its expressions do not hold for, in the words of Kubernetes', async () => {
    const name = await enforce({
      variables: [
        { name: 'data', expression: 'has(object.data) ? object.data : {}' },
        { name: 'size', expression: 'size(variables.data)' },
      ],
      validations: [
        { expression: 'variables.size < 2', messageExpression: "'has ' + string(variables.size) + ' keys'" },
        { expression: "!('secret' in variables.data)", message: 'no secrets', reason: 'Forbidden' },
      ],
    });
    expect(await create('small', { data: { a: '1' } })).toMatchObject({ status: 201 });
    const denied = `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request`;
    expect((await create('large', { data: { a: '1', b: '2' } })).body).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `configmaps "large" is forbidden: ${denied}: has 2 keys`,
      details: { causes: [{ message: `${denied}: has 2 keys` }] },
    });
    expect((await create('hidden', { data: { secret: '1' } })).body).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: `configmaps "hidden" is forbidden: ${denied}: no secrets`,
    });
  });

  it('has expressions that can be compiled', async () => {
    const wrong: readonly (readonly [string, Json])[] = [
      ['validations[0].expression', { validations: [{ expression: 'object.metadata.name ==' }] }],
      ['validations[0].expression', { validations: [{ expression: "'no rule'" }] }],
      ['validations[0].messageExpression', { validations: [{ expression: 'true', messageExpression: '1' }] }],
      [
        'variables[1].expression',
        {
          variables: [
            { name: 'a', expression: '1' },
            { name: 'b', expression: 'variables.c' },
          ],
        },
      ],
      ['auditAnnotations[0].valueExpression', { auditAnnotations: [{ key: 'a', valueExpression: 'nothing' }] }],
    ];
    for (const [path, spec] of wrong) {
      const body = {
        metadata: { name: 'wrong' },
        spec: { matchConstraints, validations: [{ expression: 'true' }], ...spec },
      };
      const answer = await server.send('POST', `${registration}/validatingadmissionpolicies?dryRun=All`, { body });
      expect(answer.body).toMatchObject({ code: 422 });
      expect(answer.body.message).toContain(`spec.${path}: Invalid value`);
      expect(answer.body.message).toContain('compilation failed: ERROR: <input>:1:');
    }
  });

  it('knows what others may do, also in its variables', async () => {
    const may = (namespace: string, verb = 'get'): string =>
      `authorizer.serviceAccount('${namespace}', 'a').group('').resource('secrets').check('${verb}').allowed()`;
    await enforce({
      matchConditions: [{ name: 'may', expression: `${may('trusted')} && !${may('other')}` }],
      variables: [
        { name: 'trusted', expression: may('trusted', 'list') },
        { name: 'other', expression: may('other', 'list') },
      ],
      validations: [{ expression: "variables.trusted && (variables.other || object.metadata.name != 'judged')" }],
    });
    expect((await create('judged')).body.message).toContain('failed expression: variables.trusted && ');
    expect(await create('unjudged-by-it')).toMatchObject({ status: 201 });
  });

  it('is heard also where another refuses', async () => {
    const judged = { validations: [{ expression: "object.metadata.name != 'heard'", message: 'refused' }] };
    await enforce(judged);
    const name = await enforce(judged, { validationActions: ['Warn'] });
    await eventually('the binding warns', async () => {
      const { status, headers } = await create('heard', {}, '?dryRun=All');
      expect(status).toBe(422);
      expect(headers['warning']).toBe(
        `299 - "Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${name}': refused"`,
      );
    });
  });

  it('is heard by all that binds it', async () => {
    const name = await enforce({
      validations: [{ expression: "object.metadata.name != 'bound'", message: 'refused' }],
    });
    const path = `${registration}/validatingadmissionpolicybindings`;
    const second = `${name}-warns`;
    const body = { metadata: { name: second }, spec: { policyName: name, validationActions: ['Warn'] } };
    expect(await server.send('POST', path, { body })).toMatchObject({ status: 201 });
    made.push({ name, path: `${path}/${second}` });
    await eventually('the second binding warns', async () => {
      const { status, headers } = await create('bound', {}, '?dryRun=All');
      expect(status).toBe(422);
      expect(headers['warning']).toBe(
        `299 - "Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${second}': refused"`,
      );
    });
  });

  it('sees what was before, and the namespace', async () => {
    const spec = {
      validations: [
        { expression: 'oldObject == null || object.data.a == oldObject.data.a' },
        { expression: "namespaceObject.metadata.name == 'default' && request.namespace == 'default'" },
      ],
    };
    const name = await enforce(spec);
    expect(await create(`${name}-one`, { data: { a: '1' } })).toMatchObject({ status: 201 });
    const patch = { type: 'application/merge-patch+json', body: { data: { a: '2' } } };
    const { body } = await server.send('PATCH', `${maps}/${name}-one`, patch);
    expect(body.message).toContain('failed expression: oldObject == null');
  });

  it('fails closed when it cannot be judged, unless it may be left out', async () => {
    const validations = [{ expression: "object.data.missing == 'a'" }];
    await enforce({ failurePolicy: 'Ignore', validations });
    expect(await create('ignored')).toMatchObject({ status: 201 });
    await enforce({ validations });
    const { body } = await create('unjudged');
    expect(body).toMatchObject({ code: 422 });
    expect(body.message).toContain("expression 'object.data.missing == 'a'' resulted in error: no such key: data");
  });

  it('is asked where its conditions hold', async () => {
    await enforce({
      matchConditions: [
        {
          name: 'others',
          expression: "request.userInfo.username == 'somebody' || object.metadata.name.startsWith('probe')",
        },
      ],
      validations: [{ expression: 'false' }],
    });
    expect(await create('unasked')).toMatchObject({ status: 201 });
  });

  it('warns in place of a refusal where its binding says so', async () => {
    const binding = { validationActions: ['Warn', 'Audit'] };
    const name = await enforce({ validations: [{ expression: 'false', message: 'never' }] }, binding);
    await eventually('the binding warns', async () => {
      const { status, headers } = await create('warned', {}, '?dryRun=All');
      expect(status).toBe(201);
      expect(headers['warning']).toBe(
        `299 - "Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${name}': never"`,
      );
    });
  });

  it('takes parameters, of built-in and custom kinds', async () => {
    await create('limits', { data: { most: '1' } });
    await enforce(
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        validations: [{ expression: 'params == null || size(object.data) <= int(params.data.most)' }],
      },
      { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } },
    );
    await eventually('the parameter is known', async () =>
      expect((await create('many', { data: { a: '1', b: '2' } }, '?dryRun=All')).status).toBe(422),
    );
    expect(await create('one', { data: { a: '1' } })).toMatchObject({ status: 201 });
    const group = 'rules.example.com';
    await serveCrd(server, { group });
    await enforce(
      { paramKind: { apiVersion: `${group}/v1`, kind: 'CronTab' }, validations: [{ expression: 'true' }] },
      { paramRef: { name: 'none', parameterNotFoundAction: 'Deny' } },
    );
    await eventually('the parameter is missed', async () => {
      const { body } = await create('parameterless', { data: { a: '1' } }, '?dryRun=All');
      expect(body.message).toContain('no params found for policy binding with `Deny` parameterNotFoundAction');
    });
  });
});
