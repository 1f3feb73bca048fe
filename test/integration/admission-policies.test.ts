/** ValidatingAdmissionPolicies and what binds them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
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
  server = await startApiServer({ plugins: [controllerCrd, admissionPolicies] });
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
