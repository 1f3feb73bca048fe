/** What becomes of the findings of policies: refusals, warnings, the audit log; and the parameters that they come from. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import admissionPolicies from '@timonel/plugin-admission-policies';
import auditLog from '@timonel/plugin-audit-log';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { eventually, type Json } from '../support/crds.ts';
import { registration, rulesOf } from '../support/mutating-policies.ts';

const namespaces = '/api/v1/namespaces';
const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
let directory: string;
let server: TestApiServer;
let count = 0;
const made: string[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-findings-'));
  const config = { 'audit-log': { path: join(directory, 'audit.log') } };
  server = await startApiServer({ plugins: [admissionPolicies, auditLog], config });
});
afterEach(async () => {
  for (const path of made.splice(0)) await server.send('DELETE', path);
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function make(path: string, body: Json): Promise<void> {
  const { status, body: answer } = await server.send('POST', path, { body });
  expect({ status, message: answer.message as unknown }).toEqual({ status: 201, message: undefined });
}

/** About the Secrets of one namespace, which it makes. */
async function enforce(spec: Json, ...bindings: Json[]): Promise<{ name: string; namespace: string }> {
  const name = `findings-${(count += 1)}`;
  const labels = { findings: name };
  await make(namespaces, { metadata: { name, labels } });
  const matchConstraints = { ...rulesOf('secrets'), namespaceSelector: { matchLabels: labels } };
  await make(`${registration}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: { matchConstraints, ...spec },
  });
  made.push(`${registration}/validatingadmissionpolicies/${name}`);
  for (const [index, binding] of bindings.entries()) {
    const path = `${registration}/validatingadmissionpolicybindings`;
    await make(path, {
      metadata: { name: `${name}-${index}` },
      spec: { policyName: name, validationActions: ['Deny'], ...binding },
    });
    made.push(`${path}/${name}-${index}`);
  }
  return { name, namespace: name };
}

/** The audit log knows requests that create by the name of their manager. */
const create = (namespace: string, name: string): Promise<Answer> =>
  server.send('POST', `${namespaces}/${namespace}/secrets?fieldManager=${name}`, { body: { metadata: { name } } });

/** Creates such Secrets until one is answered as wanted. */
function untilCreated(namespace: string, check: (answer: Answer, name: string) => void): Promise<string> {
  return eventually('the policy is in force', async () => {
    const name = `secret-${(count += 1)}`;
    check(await create(namespace, name), name);
    return name;
  });
}

function annotationsOf(name: string): Promise<Json> {
  return eventually(`the event of ${name}`, () => {
    const lines = readdirSync(directory).flatMap((file) => readFileSync(join(directory, file), 'utf8').split('\n'));
    // oxlint-disable-next-line no-explicit-any
    const events = lines.filter((line) => line.includes(`fieldManager=${name}"`)).map((line): any => JSON.parse(line));
    const found = events.find(({ stage }) => stage === 'ResponseComplete');
    expect(found).toBeDefined();
    return found.annotations as Json;
  });
}

describe('findings of a policy', () => {
  it('are warned of and noted in the audit log, where its binding says so, and the request goes on', async () => {
    const validations = [{ expression: 'true' }, { expression: 'false', message: 'never' }];
    const { name, namespace } = await enforce({ validations }, { validationActions: ['Warn', 'Audit'] });
    const secret = await untilCreated(namespace, ({ status, headers }) => {
      expect(status).toBe(201);
      expect(headers['warning']).toContain(`'${name}' with binding '${name}-0': never`);
    });
    const annotations = await annotationsOf(secret);
    expect(JSON.parse(String(annotations['validation.policy.admission.k8s.io/validation_failure']))).toEqual([
      {
        message: 'never',
        policy: name,
        binding: `${name}-0`,
        expressionIndex: 1,
        validationActions: ['Warn', 'Audit'],
      },
    ]);
  });

  it('are refusals that are noted, too', async () => {
    const validations = [{ expression: 'false', message: 'never', reason: 'Unauthorized' }];
    const { name, namespace } = await enforce({ validations }, { validationActions: ['Deny', 'Audit'] });
    const secret = await untilCreated(namespace, ({ status }) => expect(status).toBe(401));
    expect(await annotationsOf(secret)).toEqual(
      expect.objectContaining({
        'validation.policy.admission.k8s.io/validation_failure': expect.stringContaining(name) as unknown,
      }),
    );
  });

  it('have the message of an expression, or the other one where that says nothing', async () => {
    const validations = [
      {
        expression: "object.metadata.name != 'a'",
        message: 'plain',
        messageExpression: "'no ' + object.metadata.name",
      },
      { expression: "object.metadata.name != 'b'", message: 'plain', messageExpression: 'string(object.data.none)' },
      { expression: "object.metadata.name != 'c'", messageExpression: "'two\\nlines'" },
    ];
    const { namespace } = await enforce({ validations }, {});
    const message = async (name: string): Promise<string> => (await create(namespace, name)).body.message as string;
    await eventually('it is in force', async () => expect(await message('a')).toMatch(/denied request: no a$/));
    expect(await message('b')).toMatch(/denied request: plain$/);
    expect(await message('c')).toMatch(/denied request: failed expression: object.metadata.name != 'c'$/);
  });
});

describe('audit annotations', () => {
  it('are those of all bindings and parameters, each text once', async () => {
    const spec = {
      paramKind,
      auditAnnotations: [
        { key: 'param', valueExpression: "'by ' + params.metadata.name" },
        { key: 'name', valueExpression: 'string(object.metadata.name)' },
        { key: 'none', valueExpression: 'null' },
      ],
    };
    const paramRef = { name: 'one', parameterNotFoundAction: 'Deny' };
    const { name, namespace } = await enforce(spec, { paramRef }, { paramRef: { ...paramRef, name: 'two' } });
    for (const param of ['one', 'two'])
      await make(`${namespaces}/${namespace}/configmaps`, { metadata: { name: param } });
    const annotations = await eventually('both bindings are known', async () => {
      const secret = await untilCreated(namespace, ({ status }) => expect(status).toBe(201));
      const found = await annotationsOf(secret);
      expect(found).toMatchObject({ [`${name}/param`]: 'by one, by two', [`${name}/name`]: secret });
      return found;
    });
    expect(annotations).not.toHaveProperty(`${name}/none`);
  });

  it('that cannot be evaluated refuse the request, unless the policy fails open', async () => {
    const auditAnnotations = [{ key: 'a', valueExpression: 'string(object.data.none)' }];
    const closed = await enforce({ auditAnnotations }, {});
    await untilCreated(closed.namespace, ({ body }) => expect(body.message).toContain('no such key: data'));
    const open = await enforce({ auditAnnotations, failurePolicy: 'Ignore' }, { validationActions: ['Deny', 'Audit'] });
    await untilCreated(open.namespace, ({ status }) => expect(status).toBe(201));
  });
});

describe('parameters', () => {
  const validations = [
    {
      expression: 'object.metadata.name.startsWith(params.data.prefix)',
      messageExpression: "'not ' + params.data.prefix",
    },
  ];

  it('are all that a selector finds, in the namespace of the request', async () => {
    const matchLabels = { kind: 'prefix' };
    const paramRef = { selector: { matchLabels }, parameterNotFoundAction: 'Deny' };
    const { namespace } = await enforce({ paramKind, validations }, { paramRef });
    await untilCreated(namespace, ({ body }) => expect(body.message).toContain('no params found for policy binding'));
    for (const [name, prefix, labels] of [
      ['any', 'secret', matchLabels],
      ['more', 'secret-', matchLabels],
      ['other', 'never', {}],
    ] as const)
      await make(`${namespaces}/${namespace}/configmaps`, { metadata: { name, labels }, data: { prefix } });
    await untilCreated(namespace, ({ status }) => expect(status).toBe(201));
    expect((await create(namespace, 'secretive')).body.message).toContain('denied request: not secret-');
  });

  it('that there are none of let requests pass, where the binding says so', async () => {
    const paramRef = { name: 'none', namespace: 'default', parameterNotFoundAction: 'Allow' };
    const { namespace } = await enforce({ paramKind, validations }, { paramRef });
    expect(await create(namespace, 'passes')).toMatchObject({ status: 201 });
    await make(`${namespaces}/default/configmaps`, { metadata: { name: 'none' }, data: { prefix: 'x' } });
    await untilCreated(namespace, ({ body }) => expect(body.message).toContain('denied request: not x'));
  });
});
