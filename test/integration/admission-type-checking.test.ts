/** Expressions of policies are checked by the schemas of what they are about, and the status says what does not fit. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import apiWhy from '@timonel/plugin-api-why';
import controllerAdmissionPolicy from '@timonel/plugin-controller-admissionpolicy';
import controllerCrd from '@timonel/plugin-controller-crd';
import { eventually, serveCrd, versionOf, type Json } from '../support/crds.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';
import { registration, rulesOf } from '../support/mutating-policies.ts';

const path = `${registration}/validatingadmissionpolicies`;
let tools: KubectlServer;
let count = 0;

beforeAll(async () => {
  tools = await startKubectlServer({ plugins: [controllerCrd, controllerAdmissionPolicy, apiWhy] });
});
afterAll(() => tools.server.stop());

async function statusOf(name: string, generation: number): Promise<Json> {
  return eventually('the policy is checked', async () => {
    const { status } = (await tools.server.send('GET', `${path}/${name}`)).body;
    expect(status).toMatchObject({ observedGeneration: generation, typeChecking: {} });
    return status as Json;
  });
}

/** The status of a new policy. */
async function checked(spec: Json): Promise<Json> {
  const name = `checked-${(count += 1)}`;
  const answer = await tools.server.send('POST', path, { body: { metadata: { name }, spec } });
  expect(answer.status).toBe(201);
  return statusOf(name, 1);
}

const warnings = (...found: (readonly [fieldRef: string, warning: string])[]): Json => ({
  observedGeneration: 1,
  typeChecking: { expressionWarnings: found.map(([fieldRef, warning]) => ({ fieldRef, warning })) },
});

it('says for each kind what an expression gets wrong, in the words of Kubernetes', async () => {
  const [deployments] = rulesOf('deployments', 'apps')['resourceRules'] as Json[];
  const status = await checked({
    matchConstraints: {
      resourceRules: [{ ...deployments, resources: ['deployments', 'replicasets', 'deployments/scale'] }],
    },
    variables: [{ name: 'image', expression: 'object.spec.template.spec.containers[0].image' }],
    validations: [
      { expression: 'object.replicas > 1', messageExpression: "'size: ' + string(object.spec.replicas)" },
      { expression: "variables.image.startsWith('a') && object.spec.template.spec.containers.all(c, c.name != '')" },
      { expression: 'variables.image > 1', messageExpression: 'string(object.metadata.nom)' },
      { expression: "object.spec.strategy.type == 'Recreate' || oldObject == null" },
    ],
  });
  const both = (text: string): string =>
    ['Deployment', 'ReplicaSet'].map((kind) => `apps/v1, Kind=${kind}: ERROR: <input>:1:${text}\n`).join('\n');
  expect(status).toEqual(
    warnings(
      ['spec.validations[0].expression', both("7: undefined field 'replicas'\n | object.replicas > 1\n | ......^")],
      [
        'spec.validations[2].expression',
        both(
          "17: found no matching overload for '_>_' applied to '(string, int)'\n | variables.image > 1\n | ................^",
        ),
      ],
      [
        'spec.validations[2].messageExpression',
        both("23: undefined field 'nom'\n | string(object.metadata.nom)\n | ......................^"),
      ],
      [
        'spec.validations[3].expression',
        "apps/v1, Kind=ReplicaSet: ERROR: <input>:1:12: undefined field 'strategy'\n | object.spec.strategy.type == 'Recreate' || oldObject == null\n | ...........^\n",
      ],
    ),
  );
});

it('knows custom resources, and parameters', async () => {
  const properties = { spec: { type: 'object', properties: { size: { type: 'integer' } } } };
  await serveCrd(tools.server, { group: 'typed.example.com', versions: [versionOf('v1', properties)] });
  const status = await checked({
    matchConstraints: rulesOf('crontabs', 'typed.example.com'),
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    validations: [
      { expression: "object.spec.size < 3 && object.spec.size != 'big' && params.data.most != params.mode" },
    ],
  });
  const [warning] = (status['typeChecking'] as { expressionWarnings: { warning: string }[] }).expressionWarnings;
  expect(warning?.warning).toContain(
    "typed.example.com/v1, Kind=CronTab: ERROR: <input>:1:42: found no matching overload for '_!=_'",
  );
  expect(warning?.warning).toContain("undefined field 'mode'");
});

it('finds nothing in what fits, and nothing to check where a rule names everything', async () => {
  const fine = [
    "object.metadata.labels['a'] == 'b' && object.metadata.name == request.name",
    'object.spec.containers.all(c, !has(c.securityContext) || c.securityContext.runAsNonRoot)',
    "quantity(object.spec.containers[0].resources.limits['cpu']).isLessThan(quantity('1'))",
    'object.spec.containers[0].livenessProbe.httpGet.port == 80 || oldObject == null',
    "object.spec.volumes.exists(v, has(v.ephemeral) && v.ephemeral.volumeClaimTemplate.spec.storageClassName == 'a')",
  ].map((expression) => ({ expression }));
  const found = await checked({ matchConstraints: rulesOf('pods'), validations: fine });
  expect(found).toEqual({ observedGeneration: 1, typeChecking: {} });
  const odd = [{ expression: 'object.nothing == 1' }];
  expect(await checked({ matchConstraints: rulesOf('*'), validations: odd })).toEqual(found);
  expect(await checked({ matchConstraints: rulesOf('pods', '*'), validations: odd })).toEqual(found);
});

it('looks again when the policy changes, and kubectl and `timonel why` show what it found', async () => {
  const name = 'shown';
  const spec = { matchConstraints: rulesOf('pods'), validations: [{ expression: 'object.nothing == 1' }] };
  expect(await tools.server.send('POST', path, { body: { metadata: { name }, spec } })).toMatchObject({ status: 201 });
  await statusOf(name, 1);
  const { stdout } = await tools.run(['get', 'validatingadmissionpolicy', name, '-o', 'yaml']);
  expect(stdout).toContain('fieldRef: spec.validations[0].expression');
  expect(stdout).toContain("v1, Kind=Pod: ERROR: <input>:1:7: undefined field 'nothing'");
  const why = `/apis/why.timonel.dev/v1/validatingadmissionpolicies.admissionregistration.k8s.io/${name}`;
  expect((await tools.server.send('GET', why)).text).toContain(
    'spec.validations[0].expression does not fit: v1, Kind=Pod',
  );
  const body = { spec: { validations: [{ expression: "object.spec.nodeName == 'a'" }] } };
  await tools.server.send('PATCH', `${path}/${name}`, { type: 'application/merge-patch+json', body });
  expect(await statusOf(name, 2)).toEqual({ observedGeneration: 2, typeChecking: {} });
});
