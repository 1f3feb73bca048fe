/** What users rely on of admission policies: their life, and that they validate and change what others write. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import admissionPolicies from '@timonel/plugin-admission-policies';
import { eventually, type Json } from '../support/crds.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';
import { lives } from './support/life.ts';

const version = 'admissionregistration.k8s.io/v1';
let tools: KubectlServer;

beforeAll(async () => {
  tools = await startKubectlServer({ plugins: [admissionPolicies] });
});
afterAll(() => tools.server.stop());

const life =
  (resource: string, of = 'v1') =>
  (): Promise<void> =>
    lives(tools.server, `admissionregistration.k8s.io/${of}/${resource}`);

/** Of one test: policies and bindings lie in no namespace, so that they select the one of their test. */
async function namespace(name: string): Promise<Json> {
  const body = { metadata: { name, labels: { test: name } } };
  expect(await tools.server.send('POST', '/api/v1/namespaces', { body })).toMatchObject({ status: 201 });
  return { namespaceSelector: { matchLabels: { test: name } } };
}

async function apply(...objects: Json[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  expect(await tools.run(['apply', '-f', '-'], JSON.stringify(list))).toMatchObject({ status: 0 });
}

/** A policy about Deployments and what binds it, by kubectl. */
async function enforce(kind: string, name: string, selected: Json, spec: Json, binding: Json = {}): Promise<void> {
  const rule = {
    apiGroups: ['apps'],
    apiVersions: ['v1'],
    operations: ['CREATE', 'UPDATE'],
    resources: ['deployments'],
  };
  const metadata = { name };
  const matchResources = { ...selected };
  await apply(
    {
      apiVersion: version,
      kind,
      metadata,
      spec: { matchConstraints: { ...selected, resourceRules: [rule] }, ...spec },
    },
    { apiVersion: version, kind: `${kind}Binding`, metadata, spec: { policyName: name, matchResources, ...binding } },
  );
}

function deployment(name: string, replicas: number, annotations: Json = {}): Json {
  const labels = { app: name };
  const spec = { containers: [{ name: 'web', image: 'web:1' }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, annotations },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

const create = (where: string, object: Json, query = ''): ReturnType<KubectlServer['server']['send']> =>
  tools.server.send('POST', `/apis/apps/v1/namespaces/${where}/deployments${query}`, { body: object });

/** Waits until such a Deployment would be refused, and returns why. */
async function refused(where: string, object: Json): Promise<string> {
  return eventually('the policy is in force', async () => {
    const { status, body } = await create(where, object, '?dryRun=All');
    expect(status).toBe(422);
    return body.message as string;
  });
}

describe('api-machinery: ValidatingAdmissionPolicy', () => {
  it('has all verbs and a status', life('validatingadmissionpolicies'));
  it('has bindings with all verbs', life('validatingadmissionpolicybindings'));

  it('validates a Deployment by its expressions', async () => {
    const selected = await namespace('validated');
    const validations = [
      {
        expression: 'object.spec.replicas > 1',
        messageExpression: "'wants ' + string(object.spec.replicas + 1) + ' or more'",
      },
      { expression: 'object.spec.replicas < 5', message: 'too many', reason: 'Forbidden' },
    ];
    const name = 'validates-replicas';
    await enforce('ValidatingAdmissionPolicy', name, selected, { validations }, { validationActions: ['Deny'] });
    expect(await refused('validated', deployment('few', 1))).toBe(
      `deployments.apps "few" is forbidden: ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: wants 2 or more`,
    );
    expect((await create('validated', deployment('many', 5))).body).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(await create('validated', deployment('right', 3))).toMatchObject({ status: 201 });
    expect(await create('default', deployment('few', 1))).toMatchObject({ status: 201 });
    const scaled = await tools.run([
      'patch',
      'deployment',
      'right',
      '-n',
      'validated',
      '-p',
      '{"spec":{"replicas":1}}',
    ]);
    expect(scaled).toMatchObject({ status: 1, stderr: expect.stringContaining('wants 2 or more') as unknown });
  });

  it('has variables, which its expressions refer to', async () => {
    const selected = await namespace('variables');
    const spec = {
      variables: [
        { name: 'replicas', expression: 'object.spec.replicas' },
        { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
      ],
      validations: [
        { expression: 'variables.replicas > 1' },
        { expression: 'variables.oddReplicas', message: 'an odd number is wanted' },
      ],
    };
    const binding = { validationActions: ['Deny'] };
    await enforce('ValidatingAdmissionPolicy', 'validates-variables', selected, spec, binding);
    expect(await refused('variables', deployment('even', 4))).toContain('an odd number is wanted');
    expect(await refused('variables', deployment('one', 1))).toContain('failed expression: variables.replicas > 1');
    expect(await create('variables', deployment('odd', 3))).toMatchObject({ status: 201 });
  });
});

describe('api-machinery: MutatingAdmissionPolicy', () => {
  it('has all verbs', life('mutatingadmissionpolicies'));
  it('has bindings with all verbs', life('mutatingadmissionpolicybindings'));
  it('has all verbs in the version v1beta1', life('mutatingadmissionpolicies', 'v1beta1'));

  const changed = (where: string, object: Json): Promise<Json> =>
    eventually('the policy is in force', async () => {
      const { body } = await create(where, object, '?dryRun=All');
      expect(body.metadata.annotations).toHaveProperty('mutated');
      return body as Json;
    });

  it('changes a Deployment by an applied configuration', async () => {
    const selected = await namespace('mutated');
    const expression = `Object{
      metadata: Object.metadata{ annotations: {'mutated': 'yes'} },
      spec: Object.spec{ replicas: object.spec.replicas + 1 }
    }`;
    await enforce('MutatingAdmissionPolicy', 'mutates-replicas', selected, {
      reinvocationPolicy: 'Never',
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
    });
    expect(await changed('mutated', deployment('web', 1))).toMatchObject({
      spec: { replicas: 2, template: { spec: { containers: [{ name: 'web', image: 'web:1' }] } } },
    });
    const { body } = await create('default', deployment('untouched', 1));
    expect(body.spec.replicas).toBe(1);
  });

  it('adds annotations by a JSON patch, to those that are there', async () => {
    const selected = await namespace('annotated');
    const expression = `[JSONPatch{
      op: 'add',
      path: '/metadata/annotations/' + jsonpatch.escapeKey('example.com/replicas'),
      value: string(variables.replicas)
    }, JSONPatch{ op: 'add', path: '/metadata/annotations/mutated', value: 'yes' }]`;
    await enforce('MutatingAdmissionPolicy', 'mutates-annotations', selected, {
      reinvocationPolicy: 'IfNeeded',
      variables: [{ name: 'replicas', expression: 'object.spec.replicas' }],
      matchConditions: [{ name: 'annotated', expression: 'has(object.metadata.annotations)' }],
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
    });
    expect(await changed('annotated', deployment('web', 3, { own: 'a' }))).toMatchObject({
      metadata: { annotations: { own: 'a', mutated: 'yes', 'example.com/replicas': '3' } },
    });
  });
});
