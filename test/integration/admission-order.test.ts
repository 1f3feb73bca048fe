/** Policies and webhooks that mutate the same objects: who comes when, who again, and in which version they see them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import admissionLimitRanger from '@timonel/plugin-admission-limitranger';
import admissionPolicies from '@timonel/plugin-admission-policies';
import admissionWebhooks from '@timonel/plugin-admission-webhooks';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { eventually, serveCrd, versionOf, type Json } from '../support/crds.ts';
import { applied, MutatingPolicies, patched, registration, rulesOf } from '../support/mutating-policies.ts';
import { startWebhook, type WebhookServer } from '../support/webhook-server.ts';

// oxlint-disable-next-line no-explicit-any
type Loose = any;
type Converted = Json & { readonly spec: { readonly host?: string; readonly address?: string } };

const namespace = '/api/v1/namespaces/default';
const group = 'order.example.com';
let server: TestApiServer;
let policies: MutatingPolicies;
let webhook: WebhookServer;
let review: (request: Loose) => Json = () => ({});
const made: string[] = [];

const patch = (...operations: Json[]): Json => ({
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

/** v1 has a host, v2 an address. */
function convert({ uid, desiredAPIVersion, objects }: Loose): Json {
  const broken = (objects as Loose[]).some(({ metadata }) => metadata.labels?.broken === 'yes');
  if (broken) return { uid, result: { status: 'Failure', message: 'it is broken' } };
  const convertedObjects = (objects as Converted[]).map((object) => {
    const value = object.spec.host ?? object.spec.address;
    const spec = String(desiredAPIVersion).endsWith('/v2') ? { address: value } : { host: value };
    return { ...object, apiVersion: desiredAPIVersion as string, spec };
  });
  return { uid, result: { status: 'Success' }, convertedObjects };
}

async function configure(type: 'Mutating' | 'Validating', rules: Json, more: Json = {}): Promise<void> {
  const path = `${registration}/${type.toLowerCase()}webhookconfigurations`;
  const name = `order-${made.length}`;
  const probe = rulesOf('secrets')['resourceRules'] as Json[];
  const hook = {
    name: 'order.example.com',
    clientConfig: webhook.clientConfig,
    rules: [...(rules['resourceRules'] as Json[]), ...probe],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  };
  const answer = await server.send('POST', path, { body: { metadata: { name }, webhooks: [hook] } });
  expect(answer).toMatchObject({ status: 201 });
  made.push(`${path}/${name}`);
  await asks(true);
}

async function asks(expected: boolean): Promise<void> {
  await eventually('the webhooks are known', async () => {
    webhook.bodies.length = 0;
    await server.send('POST', `${namespace}/secrets?dryRun=All`, { body: { metadata: { name: 'probe' } } });
    expect(webhook.bodies.splice(0).length > 0).toBe(expected);
  });
}

/** Requests that came to the webhook, without those for conversions. */
const seen = (): Loose[] =>
  (webhook.bodies as Loose[]).filter(({ kind }) => kind === 'AdmissionReview').map(({ request }) => request);

const appends = ({ object }: Loose): Json => patch({ op: 'replace', path: '/data/log', value: `${object.data.log}w` });

const create = (path: string, name: string, more: Json = {}): Promise<Answer> =>
  server.send('POST', path, { body: { metadata: { name }, ...more } });
const createMap = (name: string, data: Json): Promise<Answer> => create(`${namespace}/configmaps`, name, { data });

/** Adds a letter to what is written in the object. */
const logs = (letter: string): Json => applied(`Object{ data: {'log': object.data.log + '${letter}'} }`);

beforeAll(async () => {
  webhook = await startWebhook((body: Loose) => {
    const { kind, apiVersion, request } = body;
    if (kind === 'ConversionReview') return { kind, apiVersion, response: convert(request) };
    return { kind, apiVersion, response: { uid: request.uid, allowed: true, ...review(request) } };
  });
  server = await startApiServer({
    plugins: [controllerCrd, admissionPolicies, admissionWebhooks, admissionLimitRanger],
  });
  policies = new MutatingPolicies(server);
  const open = { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const versions = [versionOf('v1', open), versionOf('v2', open, { storage: false })];
  const conversion = {
    strategy: 'Webhook',
    webhook: { conversionReviewVersions: ['v1'], clientConfig: webhook.clientConfig },
  };
  await serveCrd(server, { group, versions, spec: { conversion } });
});
afterEach(async () => {
  review = () => ({});
  await policies.clear();
  for (const path of made.splice(0)) await server.send('DELETE', path);
  await asks(false);
});
afterAll(async () => {
  await server.stop();
  await webhook.stop();
});

describe('what mutates', () => {
  it('comes by name, policies before webhooks', async () => {
    await configure('Mutating', rulesOf('configmaps'));
    await policies.enforce([logs('a')]);
    await policies.enforce([logs('b'), logs('c')]);
    review = appends;
    expect((await createMap('ordered', { log: '' })).body.data.log).toBe('abcw');
  });

  it('comes once more where it wants to see what others changed after it', async () => {
    await configure('Mutating', rulesOf('configmaps'), { reinvocationPolicy: 'IfNeeded' });
    await policies.enforce([logs('a')], { reinvocationPolicy: 'IfNeeded' });
    await policies.enforce([logs('b')]);
    await policies.enforce([logs('c')], { reinvocationPolicy: 'IfNeeded' });
    review = appends;
    expect((await createMap('again', { log: '' })).body.data.log).toBe('abcwacw');
  });

  it('does not come once more where nobody changed anything after it', async () => {
    await configure('Mutating', rulesOf('configmaps'), { reinvocationPolicy: 'IfNeeded' });
    review = () => patch({ op: 'test', path: '/kind', value: 'ConfigMap' });
    await policies.enforce([logs('a')], { reinvocationPolicy: 'IfNeeded' });
    await policies.enforce([applied("Object{ data: {'same': object.data.same} }")], { reinvocationPolicy: 'IfNeeded' });
    expect((await createMap('once', { log: '', same: 'x' })).body.data).toEqual({ log: 'a', same: 'x' });
    expect(seen().filter(({ name }) => name === 'once')).toHaveLength(1);
  });

  it('comes to an end where policies undo what others do', async () => {
    const flip = (from: string, to: string): Json =>
      applied(
        `Object{ data: {'state': object.data.state == '${from}' ? '${to}' : object.data.state, 'log': object.data.log + '.'} }`,
      );
    await policies.enforce([flip('off', 'on')], { reinvocationPolicy: 'IfNeeded' });
    await policies.enforce([flip('on', 'off')], { reinvocationPolicy: 'IfNeeded' });
    expect((await createMap('flipped', { log: '', state: 'off' })).body.data).toEqual({ log: '...', state: 'on' });
  });

  it('is seen by what comes before it: limit ranges give containers of others their defaults', async () => {
    const limits = [{ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '100m' } }];
    await create(`${namespace}/limitranges`, 'range', { spec: { limits } });
    await configure('Mutating', rulesOf('pods'));
    review = () => patch({ op: 'add', path: '/spec/containers/-', value: { name: 'hook', image: 'hook:1' } });
    await policies.enforce(
      [
        applied(
          "Object{ spec: Object.spec{ containers: [Object.spec.containers{ name: 'policy', image: 'policy:1' }] } }",
        ),
      ],
      { matchConstraints: rulesOf('pods') },
    );
    await eventually('the range is known', async () => {
      const spec = { containers: [{ name: 'own', image: 'own:1' }] };
      const { body } = await server.send('POST', `${namespace}/pods?dryRun=All`, {
        body: { metadata: { name: 'p' }, spec },
      });
      const found = (body.spec.containers as Loose[]).map(({ name, resources }) => [name, resources?.limits?.cpu]);
      expect(found.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))).toEqual([
        ['hook', '1'],
        ['own', '1'],
        ['policy', '1'],
      ]);
    });
    await server.send('DELETE', `${namespace}/limitranges/range`);
  });
});

describe('what names another version than the request', () => {
  const crontabs = (version: string): string => `/apis/${group}/${version}/namespaces/default/crontabs`;
  const change = (path: string, spec: Json): Promise<Answer> =>
    server.send('PATCH', path, { type: 'application/merge-patch+json', body: { spec } });

  it('a webhook gets custom resources in its version, and its patch is converted back', async () => {
    await configure('Mutating', rulesOf('crontabs', group, 'v2'));
    review = ({ object }) => patch({ op: 'replace', path: '/spec/address', value: `${object.spec.address}!` });
    expect((await create(crontabs('v1'), 'one', { spec: { host: 'a' } })).body).toMatchObject({
      apiVersion: `${group}/v1`,
      spec: { host: 'a!' },
    });
    expect(seen()).toMatchObject([
      {
        kind: { group, version: 'v2', kind: 'CronTab' },
        resource: { group, version: 'v2', resource: 'crontabs' },
        requestKind: { group, version: 'v1', kind: 'CronTab' },
        requestResource: { group, version: 'v1', resource: 'crontabs' },
        object: { apiVersion: `${group}/v2`, spec: { address: 'a' } },
      },
    ]);
    expect((await change(`${crontabs('v1')}/one`, { host: 'b' })).body.spec).toEqual({ host: 'b!' });
    expect(seen().at(-1)).toMatchObject({
      object: { apiVersion: `${group}/v2`, spec: { address: 'b' } },
      oldObject: { apiVersion: `${group}/v2`, spec: { address: 'a!' } },
    });
    expect((await server.send('GET', `${crontabs('v2')}/one`)).body.spec).toEqual({ address: 'b!' });
  });

  it('a policy sees and changes them in its version', async () => {
    await policies.enforce([applied("Object{ spec: Object.spec{ address: object.spec.address + '+' } }")], {
      matchConstraints: rulesOf('crontabs', group, 'v2'),
      matchConditions: [
        { name: 'version', expression: "request.kind.version == 'v2' && request.requestKind.version == 'v1'" },
      ],
    });
    await policies.enforce(
      [patched("[JSONPatch{ op: 'replace', path: '/spec/host', value: object.spec.host + '-' }]")],
      { matchConstraints: rulesOf('crontabs', group) },
    );
    expect((await create(crontabs('v1'), 'two', { spec: { host: 'a' } })).body.spec).toEqual({ host: 'a+-' });
  });

  it('refuses what cannot be converted', async () => {
    await configure('Validating', rulesOf('crontabs', group, 'v2'), { failurePolicy: 'Ignore' });
    const body = { metadata: { name: 'three', labels: { broken: 'yes' } }, spec: { host: 'a' } };
    const answer = await server.send('POST', crontabs('v1'), { body });
    expect(answer.body).toMatchObject({ code: 500, reason: 'InternalError' });
    expect(answer.body.message).toContain('it is broken');
  });

  it('gets built-in kinds in their other versions and groups', async () => {
    await configure('Mutating', rulesOf('horizontalpodautoscalers', 'autoscaling', 'v1'));
    review = () => patch({ op: 'add', path: '/spec/targetCPUUtilizationPercentage', value: 33 });
    const spec = { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } };
    const scaler = await create('/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', 'web', { spec });
    expect(scaler.body.spec.metrics).toMatchObject([
      { resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 33 } } },
    ]);
    expect(seen()).toMatchObject([
      {
        kind: { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler' },
        requestKind: { version: 'v2' },
        object: { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 80 } },
      },
    ]);
    await policies.enforce([applied("Object{ note: object.note + '!' }")], {
      matchConstraints: rulesOf('events', 'events.k8s.io'),
    });
    const involvedObject = { kind: 'Pod', name: 'a', namespace: 'default' };
    const event = await create(`${namespace}/events`, 'told', { involvedObject, message: 'hello', reason: 'Told' });
    expect(event.body).toMatchObject({ apiVersion: 'v1', message: 'hello!', involvedObject });
  });
});
