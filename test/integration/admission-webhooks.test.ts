/** Webhooks that mutate and validate, over HTTPS, and what their answers and failures come to. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import admissionWebhooks from '@timonel/plugin-admission-webhooks';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { eventually, serveCrd, versionOf } from '../support/crds.ts';
import { startWebhook, type WebhookServer } from '../support/webhook-server.ts';

type Json = Record<string, unknown>;
interface Review {
  // oxlint-disable-next-line no-explicit-any
  readonly request: any;
}

const registration = '/apis/admissionregistration.k8s.io/v1';
const maps = '/api/v1/namespaces/default/configmaps';
const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };
const types = { mutating: 'MutatingWebhookConfiguration', validating: 'ValidatingWebhookConfiguration' };
let server: TestApiServer;
let webhook: WebhookServer;
const made: { readonly path: string; readonly name: string }[] = [];
let count = 0;

function respond({ request }: Review, response: Json = {}): Json {
  const { uid } = request as { uid: string };
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true, ...response } };
}

function patch(review: Review, ...operations: Json[]): Json {
  return respond(review, {
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
  });
}

/** Whether a request that is meant for nobody but this configuration reaches its webhook. */
async function reaches(name: string): Promise<boolean> {
  const before = webhook.bodies.length;
  await server.send('POST', `${maps}?dryRun=All`, { body: { metadata: { name: 'probe', labels: { probe: name } } } });
  return webhook.bodies.length > before;
}

/** A configuration of webhooks, in force once it is made. */
async function configure(type: keyof typeof types, ...webhooks: Json[]): Promise<void> {
  const name = `hooks-${(count += 1)}`;
  const path = `${registration}/${types[type].toLowerCase()}s`;
  const probe = { name: 'probe.example.com', objectSelector: { matchLabels: { probe: name } } };
  const unprobed = { matchExpressions: [{ key: 'probe', operator: 'DoesNotExist' }] };
  const full = [...webhooks, probe].map((one, index) => ({
    name: `w${index}.example.com`,
    clientConfig: webhook.clientConfig,
    rules: [rule],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    objectSelector: unprobed,
    ...one,
  }));
  const answer = await server.send('POST', path, { body: { metadata: { name }, webhooks: full } });
  expect(answer).toMatchObject({ status: 201 });
  made.push({ path: `${path}/${name}`, name });
  await eventually(`${name} is in force`, async () => expect(await reaches(name)).toBe(true));
  webhook.bodies.length = 0;
}

const create = (name: string, more: Json = {}, query = ''): Promise<Answer> =>
  server.send('POST', `${maps}${query}`, { body: { metadata: { name }, ...more } });

beforeAll(async () => {
  webhook = await startWebhook((body) => respond(body as Review));
  server = await startApiServer({ plugins: [controllerCrd, admissionWebhooks] });
});
afterEach(async () => {
  webhook.answer = (body) => respond(body as Review);
  for (const { path, name } of made.splice(0)) {
    await server.send('DELETE', path);
    await eventually(`${name} is gone`, async () => expect(await reaches(name)).toBe(false));
  }
  webhook.bodies.length = 0;
});
afterAll(async () => {
  await server.stop();
  await webhook.stop();
});

describe('a webhook that validates', () => {
  it('is asked in the form of Kubernetes and refuses with its words and code', async () => {
    await configure('validating', {});
    expect(await create('allowed', { data: { a: '1' } })).toMatchObject({ status: 201 });
    expect(webhook.bodies).toMatchObject([
      {
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: {
          kind: { group: '', version: 'v1', kind: 'ConfigMap' },
          resource: { group: '', version: 'v1', resource: 'configmaps' },
          name: 'allowed',
          namespace: 'default',
          operation: 'CREATE',
          dryRun: false,
          object: { kind: 'ConfigMap', apiVersion: 'v1', data: { a: '1' } },
          oldObject: null,
          options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
        },
      },
    ]);
    const status = { code: 418, reason: 'Tea', message: 'no coffee' };
    webhook.answer = (body) => respond(body as Review, { allowed: false, status });
    const refused = await create('refused');
    expect(refused.status).toBe(418);
    expect(refused.body).toMatchObject({
      reason: 'Tea',
      message: 'admission webhook "w0.example.com" denied the request: no coffee',
    });
    expect(await server.send('GET', `${maps}/refused`)).toMatchObject({ status: 404 });
    webhook.answer = (body) => respond(body as Review, { allowed: false });
    expect((await server.send('DELETE', `${maps}/allowed`)).body).toMatchObject({
      code: 400,
      message: 'admission webhook "w0.example.com" denied the request without explanation',
    });
    expect(webhook.bodies.at(-1)).toMatchObject({
      request: { operation: 'DELETE', object: null, oldObject: { metadata: { name: 'allowed' } } },
    });
  });

  it('may warn, and may not mutate', async () => {
    await configure('validating', {});
    webhook.answer = (body) => respond(body as Review, { warnings: ['look out', 'look out'] });
    expect((await create('warned')).headers['warning']).toBe('299 - "look out"');
    webhook.answer = (body) => patch(body as Review, { op: 'add', path: '/data', value: { a: '1' } });
    expect((await create('unchanged')).body).toMatchObject({
      code: 500,
      message:
        'Internal error occurred: failed calling webhook "w0.example.com": validating webhooks may not return response.patch',
    });
  });

  it('is asked about requests that it selects', async () => {
    const labels = { matchLabels: { 'kubernetes.io/metadata.name': 'elsewhere' } };
    await configure(
      'validating',
      { name: 'namespaces.example.com', namespaceSelector: labels },
      { name: 'objects.example.com', objectSelector: { matchLabels: { chosen: 'yes' } } },
      { name: 'updates.example.com', rules: [{ ...rule, operations: ['UPDATE'] }] },
      { name: 'cluster.example.com', rules: [{ ...rule, scope: 'Cluster' }] },
      {
        name: 'if.example.com',
        matchConditions: [{ name: 'not-me', expression: "object.metadata.name != 'skip-me'" }],
      },
    );
    await create('skip-me');
    expect(webhook.bodies).toHaveLength(0);
    await create('chosen', { metadata: { name: 'chosen', labels: { chosen: 'yes' } } });
    expect(webhook.bodies).toHaveLength(2);
    await server.send('PATCH', `${maps}/skip-me`, { type: 'application/merge-patch+json', body: { data: { a: '1' } } });
    expect(webhook.bodies).toHaveLength(3);
  });

  it('is asked about what subresources take, also when that is nothing', async () => {
    await configure('validating', { rules: [{ ...rule, resources: ['pods/eviction', 'namespaces/finalize'] }] });
    const seen = (operation: string): void => {
      expect(webhook.bodies).toMatchObject([{ request: { operation, object: { metadata: {} } } }]);
      webhook.bodies.length = 0;
    };
    webhook.answer = (body) => respond(body as Review, { allowed: false });
    const eviction = '/api/v1/namespaces/default/pods/some/eviction';
    for (const options of [{}, { body: { kind: 'Eviction' } }]) {
      expect((await server.send('POST', eviction, options)).body.message).toContain('denied the request');
      seen('CREATE');
    }
    const body = { metadata: { name: 'default' }, spec: { finalizers: [] } };
    expect(await server.send('PUT', '/api/v1/namespaces/default/finalize', { body })).toMatchObject({ status: 400 });
    expect(webhook.bodies).toMatchObject([{ request: { oldObject: { spec: { finalizers: ['kubernetes'] } } } }]);
    seen('UPDATE');
  });

  it('has conditions that can be compiled', async () => {
    const { clientConfig } = webhook;
    const hook = { name: 'a.b.c', clientConfig, sideEffects: 'None', admissionReviewVersions: ['v1'] };
    for (const [expression, code] of [
      ['object.metadata.name ==', 422],
      ["'no condition'", 422],
      ["authorizer.group('').resource('pods').check('create').allowed()", 201],
    ] as const) {
      const webhooks = [{ ...hook, matchConditions: [{ name: 'one', expression }] }];
      const body = { metadata: { name: 'conditions' }, webhooks };
      const path = `${registration}/validatingwebhookconfigurations`;
      const answer = await server.send('POST', `${path}?dryRun=All`, { body });
      expect(answer.status).toBe(code);
      if (code === 422) expect(answer.body.message).toContain('matchConditions[0].expression: Invalid value');
      if (code === 422) expect(answer.body.message).toContain('compilation failed: ERROR: <input>:1:');
    }
  });

  it('fails closed when a condition cannot be judged, unless it may be left out', async () => {
    const matchConditions = [{ name: 'data', expression: "object.data.missing == 'a'" }];
    await configure('validating', { matchConditions, failurePolicy: 'Ignore' });
    expect(await create('ignored')).toMatchObject({ status: 201 });
    await configure('validating', { matchConditions });
    const refused = await create('unjudged');
    expect(refused.body).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(refused.body.message).toContain('no such key');
    expect(webhook.bodies).toHaveLength(0);
  });
});

describe('a webhook that mutates', () => {
  it('changes objects, one after the other, pruned and validated afterwards', async () => {
    await configure('mutating', { name: 'first.example.com' }, { name: 'second.example.com' });
    webhook.answer = (body) => {
      const review = body as Review;
      const data = (review.request.object.data ?? {}) as Json;
      return data['first'] === undefined
        ? patch(review, { op: 'add', path: '/data', value: { first: 'yes' } })
        : patch(review, { op: 'add', path: '/data/second', value: 'yes' }, { op: 'add', path: '/unknown', value: 1 });
    };
    const created = await create('mutated');
    expect(created.body.data).toEqual({ first: 'yes', second: 'yes' });
    expect(created.body).not.toHaveProperty('unknown');
    webhook.answer = (body) => patch(body as Review, { op: 'add', path: '/data', value: { 'not/valid': 'x' } });
    expect(await create('invalid')).toMatchObject({ status: 422 });
  });

  it('may not make another object of it', async () => {
    await configure('mutating', {});
    for (const [path, value] of [
      ['/metadata/name', 'other'],
      ['/metadata/namespace', 'kube-system'],
      ['/kind', 'Secret'],
    ] as const) {
      webhook.answer = (body) => patch(body as Review, { op: 'replace', path, value });
      const { body } = await create('itself');
      expect(body).toMatchObject({ code: 500 });
      expect(body.message).toContain('may not be changed by admission');
    }
    webhook.answer = (body) =>
      patch(body as Review, { op: 'add', path: '/metadata/deletionTimestamp', value: '2020-01-01T00:00:00Z' });
    expect((await create('living')).body.metadata.deletionTimestamp).toBeUndefined();
  });

  it('changes what subresources take, by no schema of the object that they hang on', async () => {
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await eventually('the account is there', async () => {
      const made = await server.send('POST', '/api/v1/namespaces/default/serviceaccounts', {
        body: { metadata: { name: 'default' } },
      });
      expect([201, 409]).toContain(made.status);
    });
    await configure('mutating', { rules: [{ ...rule, resources: ['serviceaccounts/token', 'pods/eviction'] }] });
    const operation = { op: 'add', path: '/spec/expirationSeconds', value: 1200 };
    webhook.answer = (body) => patch(body as Review, operation);
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['own'] } };
    const issued = await server.send('POST', `${account}/token`, { body });
    expect(issued.body.spec).toMatchObject({ audiences: ['own'], expirationSeconds: 1200 });
    webhook.answer = (body) => respond(body as Review, { allowed: false });
    const evicted = await server.send('POST', '/api/v1/namespaces/default/pods/some/eviction', {});
    expect(evicted).toMatchObject({ status: 400 });
    expect(evicted.body.message).toContain('denied the request');
  });

  it('is asked once more when another changed the object after it, if it wants that', async () => {
    const names: string[] = [];
    await configure('mutating', { reinvocationPolicy: 'IfNeeded' }, {});
    webhook.answer = (body) => {
      const review = body as Review;
      names.push(Object.keys((review.request.object.data ?? {}) as Json).join(','));
      return names.length === 2 ? patch(review, { op: 'add', path: '/data', value: { late: '1' } }) : respond(review);
    };
    expect((await create('again')).body.data).toEqual({ late: '1' });
    expect(names).toEqual(['', '', 'late']);
  });

  it('is told of dry runs', async () => {
    await configure('mutating', {});
    await create('dry', {}, '?dryRun=All');
    expect(webhook.bodies).toMatchObject([{ request: { dryRun: true, options: { dryRun: ['All'] } } }]);
  });

  it('changes custom resources, by whose schema the change is pruned and defaulted', async () => {
    const properties = {
      spec: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string', default: 'given' } } },
    };
    await serveCrd(server, { group: 'hooks.example.com', versions: [versionOf('v1', properties)] });
    const crontabs = { ...rule, apiGroups: ['hooks.example.com'], resources: ['crontabs'] };
    await configure('mutating', { rules: [crontabs] });
    webhook.answer = (body) => patch(body as Review, { op: 'add', path: '/spec', value: { a: 'x', c: 'y' } });
    const path = '/apis/hooks.example.com/v1/namespaces/default/crontabs';
    const created = await server.send('POST', path, { body: { metadata: { name: 'one' } } });
    expect(created.body.spec).toEqual({ a: 'x', b: 'given' });
  });
});

describe('a webhook that fails', () => {
  const failing: readonly (readonly [string, WebhookServer['answer'], string])[] = [
    ['hangs', () => undefined, 'context deadline exceeded'],
    ['answers garbage', () => '<html>', 'the answer is no JSON'],
    ['answers too much', () => JSON.stringify('x'.repeat(10_000_000)), 'larger than'],
    ['redirects', (_, response) => void response.writeHead(302, { location: webhook.url }).end(), 'status 302'],
    ['answers another request', () => respond({ request: { uid: 'other' } }), 'expected response.uid='],
    ['answers nothing', () => ({ kind: 'AdmissionReview' }), 'webhook response was absent'],
    [
      'sends a patch that does not fit',
      (body) => patch(body as Review, { op: 'remove', path: '/data/none' }),
      'the server rejected our request',
    ],
  ];

  it.each(failing)('and %s refuses the request, or nothing', async (what, answer, message) => {
    const name = what.replaceAll(' ', '-');
    await configure('mutating', { timeoutSeconds: what === 'hangs' ? 1 : 10 });
    webhook.answer = answer;
    const refused = await create(`${name}-closed`);
    expect(refused.body).toMatchObject({ code: 500, reason: 'InternalError' });
    expect(refused.body.message).toContain('Internal error occurred: failed calling webhook "w0.example.com": ');
    expect(refused.body.message).toContain(message);
    const { path } = made[0] ?? { path: '' };
    const open = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }];
    await server.send('PATCH', path, { type: 'application/json-patch+json', body: open });
    await eventually('it fails open', async () => expect(await create(`${name}-open`)).toMatchObject({ status: 201 }));
  });

  it('refuses when somebody else answers in its place', async () => {
    const other = await startWebhook((body) => respond(body as Review));
    await configure('validating', { clientConfig: { url: other.url, caBundle: webhook.caBundle } });
    const { body } = await create('stranger');
    await other.stop();
    expect(body.message).toContain('certificate signed by unknown authority');
  });

  it('keeps nobody from changing configurations', async () => {
    const everything = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
    await configure('validating', { rules: [everything] });
    webhook.answer = (body) => respond(body as Review, { allowed: false });
    expect(await create('blocked')).toMatchObject({ status: 400 });
    const { path } = made[0] ?? { path: '' };
    const body = { metadata: { labels: { a: 'b' } } };
    expect(await server.send('PATCH', path, { type: 'application/merge-patch+json', body })).toMatchObject({
      status: 200,
    });
  });
});
