/** Webhooks in action: what they refuse and change, and what comes of those that fail. */
import { describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { serveCrd, crdOf, crdPath, versionOf, type Json } from '../support/crds.ts';
import { startWebhook } from '../support/webhook-server.ts';
import {
  configMapRule,
  configMaps,
  deny,
  patch,
  pathOf,
  registration,
  respond,
  webhookBed,
  type Review,
} from '../support/webhook-bed.ts';

const bed = webhookBed();
const { send, configure } = bed;
const merge = 'application/merge-patch+json';
const pods = '/api/v1/namespaces/default/pods';
const text = { type: 'string' };
const containers = [{ name: 'c', image: 'x' }];
const make = (path: string, name: string, more: Json = {}): ReturnType<typeof send> =>
  send('POST', path, { metadata: { name }, ...more });

/** A kind of the test's own. */
async function serve(group: string, more: Json = {}): Promise<{ path: string; rule: Json }> {
  await serveCrd(bed.cluster.server, { group, ...more });
  return {
    path: `/apis/${group}/v1/namespaces/default/crontabs`,
    rule: { ...configMapRule, apiGroups: [group], resources: ['crontabs'] },
  };
}

describe('api-machinery: webhooks', () => {
  it('are in discovery', async () => {
    const groups = await send('GET', '/apis');
    const name = 'admissionregistration.k8s.io';
    const versions = [{ groupVersion: `${name}/v1`, version: 'v1' }];
    expect(groups.body.groups).toContainEqual(
      expect.objectContaining({ name, versions: expect.arrayContaining(versions) }),
    );
    const { body } = await send('GET', registration);
    const names = body.resources.map((resource: { name: string }) => resource.name);
    expect(names).toEqual(expect.arrayContaining(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']));
  });

  it('deny the creation and the change of pods and config maps', async () => {
    bed.webhook.answer = (body) => {
      const review = body as Review;
      const { object } = review.request;
      return object?.metadata?.labels?.odd === 'yes' ? deny(review, 'this is odd') : respond(review);
    };
    await configure('validating', { rules: [{ ...configMapRule, resources: ['pods', 'configmaps'] }] });
    const spec = { containers };
    for (const [path, more] of [
      [pods, { spec }],
      [configMaps, { data: { a: '1' } }],
    ] as const) {
      const odd = { name: 'odd', labels: { odd: 'yes' } };
      const refused = await send('POST', path, { ...more, metadata: odd });
      expect(refused.body.message).toBe('admission webhook "w0.example.com" denied the request: this is odd');
      const made = await make(path, 'even', more);
      expect(made.status).toBe(201);
      const metadata = { ...made.body.metadata, labels: odd.labels };
      const put = await send('PUT', `${path}/even`, { ...made.body, metadata });
      const patched = await send('PATCH', `${path}/even`, { metadata: { labels: odd.labels } }, merge);
      for (const { body } of [put, patched]) expect(body.message).toContain('denied the request: this is odd');
      expect((await send('GET', `${path}/even`)).body.metadata.labels).toBeUndefined();
      await send('DELETE', `${path}/even?gracePeriodSeconds=0`);
    }
  });

  it('deny what namespaces that are exempt may do', async () => {
    bed.webhook.answer = (body) => deny(body as Review, 'not here');
    const namespaceSelector = { matchExpressions: [{ key: 'exempt', operator: 'DoesNotExist' }] };
    await configure('validating', { namespaceSelector });
    await send('POST', '/api/v1/namespaces', { metadata: { name: 'exempt', labels: { exempt: 'yes' } } });
    expect((await make(configMaps, 'here')).body.message).toContain('not here');
    expect((await make('/api/v1/namespaces/exempt/configmaps', 'there')).status).toBe(201);
  });

  it('deny to attach to a pod', async () => {
    await make(pods, 'attached', { spec: { containers } });
    const running = { phase: 'Running', containerStatuses: [{ name: 'c', ready: true, state: { running: {} } }] };
    await send('PATCH', `${pods}/attached/status`, { status: running }, merge);
    bed.webhook.answer = (body) => deny(body as Review, `attaching to ${(body as Review).request.name} is not allowed`);
    await configure('validating', {
      rules: [{ ...configMapRule, operations: ['CONNECT'], resources: ['pods/attach'] }],
    });
    const { status, stderr } = await bed.cluster.run(['attach', 'attached', '--pod-running-timeout=5s']);
    expect(status).not.toBe(0);
    expect(stderr).toContain('denied the request: attaching to attached is not allowed');
    expect(bed.webhook.bodies.at(-1)).toMatchObject({
      request: { operation: 'CONNECT', subResource: 'attach', object: { kind: 'PodAttachOptions' } },
    });
  });

  it('deny the creation, change and deletion of custom resources', async () => {
    const { path, rule } = await serve('denied.example.com');
    await make(path, 'kept', { spec: { n: 1 } });
    bed.webhook.answer = (body) => deny(body as Review, (body as Review).request.operation as string);
    await configure('validating', { rules: [rule] });
    const answers = [
      await make(path, 'other'),
      await send('PATCH', `${path}/kept`, { spec: { n: 2 } }, merge),
      await send('DELETE', `${path}/kept`),
    ];
    const reasons = answers.map(({ body }) => String(body.message).split(': ').at(-1));
    expect(reasons).toEqual(['CREATE', 'UPDATE', 'DELETE']);
    expect((await send('GET', `${path}/kept`)).body.spec).toEqual({ n: 1 });
  });

  it('deny the creation of definitions', async () => {
    bed.webhook.answer = (body) => deny(body as Review, 'no such kind here');
    const apiGroups = ['apiextensions.k8s.io'];
    await configure('validating', {
      rules: [{ ...configMapRule, apiGroups, resources: ['customresourcedefinitions'] }],
    });
    const { body } = await send('POST', crdPath, crdOf({ group: 'never.example.com' }));
    expect(body.message).toContain('denied the request: no such kind here');
  });

  it('mutate in order: the second sees what the first has changed', async () => {
    await configure('mutating', { name: 'first.example.com' }, { name: 'second.example.com' });
    bed.webhook.answer = (body) => {
      const { data = {} } = (body as Review).request.object as { data?: Json };
      if (data['one'] === undefined) return patch(body as Review, { op: 'add', path: '/data/one', value: '1' });
      return patch(body as Review, { op: 'add', path: '/data/two', value: '2' });
    };
    const { body } = await make(configMaps, 'ordered', { data: { zero: '0' } });
    expect(body.data).toEqual({ zero: '0', one: '1', two: '2' });
    expect((await send('GET', `${configMaps}/ordered`)).body.data).toEqual(body.data);
  });

  it('mutate a pod, and what they add gets its defaults', async () => {
    const value = [{ name: 'added', image: 'y' }];
    bed.webhook.answer = (body) => patch(body as Review, { op: 'add', path: '/spec/initContainers', value });
    await configure('mutating', { rules: [{ ...configMapRule, operations: ['CREATE'], resources: ['pods'] }] });
    const { body } = await make(pods, 'defaulted', { spec: { containers } });
    expect(body.spec.initContainers).toMatchObject([
      { name: 'added', terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File' },
    ]);
  });

  it('mutate custom resources, pruned by their schema', async () => {
    const properties = { data: { type: 'object', properties: { start: text, known: text } } };
    const { path, rule } = await serve('pruned.example.com', { versions: [versionOf('v1', properties)] });
    await configure('mutating', { rules: [rule] });
    bed.webhook.answer = (body) =>
      patch(
        body as Review,
        { op: 'add', path: '/data/known', value: 'yes' },
        { op: 'add', path: '/data/unknown', value: 'yes' },
      );
    expect((await make(path, 'one', { data: { start: 'yes' } })).body.data).toEqual({ start: 'yes', known: 'yes' });
  });

  it('mutate custom resources, also when another version is stored and another one is written', async () => {
    const group = 'stored.example.com';
    const properties = { data: { type: 'object', additionalProperties: text } };
    const versions = (stored: string): Json[] =>
      ['v1', 'v2'].map((name) => versionOf(name, properties, { storage: name === stored }));
    const { path, rule } = await serve(group, { versions: versions('v1') });
    await configure('mutating', { rules: [{ ...rule, apiVersions: ['v1'] }] });
    bed.webhook.answer = (body) => patch(body as Review, { op: 'add', path: '/data/mutated', value: 'yes' });
    const created = await make(path, 'one', { data: { made: 'v1' } });
    expect(created.body.data).toEqual({ made: 'v1', mutated: 'yes' });
    await send('PATCH', `${crdPath}/crontabs.${group}`, { spec: { versions: versions('v2') } }, merge);
    const other = path.replace('/v1/', '/v2/');
    const written = await make(other, 'two', { data: { made: 'v2' } });
    expect(written.body).toMatchObject({ apiVersion: `${group}/v2`, data: { made: 'v2', mutated: 'yes' } });
    expect(bed.webhook.bodies.at(-1)).toMatchObject({
      request: {
        resource: { version: 'v1' },
        requestResource: { version: 'v2' },
        object: { apiVersion: `${group}/v1` },
      },
    });
    const changed = await send('PATCH', `${path}/one`, { data: { changed: 'yes', mutated: null } }, merge);
    expect(changed.body.data).toEqual({ made: 'v1', changed: 'yes', mutated: 'yes' });
  });

  it('have a timeout, after which their failure policy says what becomes of the request', async () => {
    const answers: (() => void)[] = [];
    bed.webhook.answer = (body, response) => {
      answers.push(() => response.writeHead(200).end(JSON.stringify(respond(body as Review))));
    };
    const path = await configure('validating', { timeoutSeconds: 1 });
    const late = await make(configMaps, 'late');
    expect(late).toMatchObject({
      status: 500,
      body: { message: expect.stringContaining('context deadline exceeded') },
    });
    const change = (name: string, value: unknown): ReturnType<typeof send> =>
      send('PATCH', path, [{ op: 'replace', path: `/webhooks/0/${name}`, value }], 'application/json-patch+json');
    await change('failurePolicy', 'Ignore');
    await bed.settled(path);
    expect((await make(configMaps, 'ignored')).status).toBe(201);
    await change('failurePolicy', 'Fail');
    await change('timeoutSeconds', null);
    await bed.settled(path);
    expect((await send('GET', path)).body.webhooks[0].timeoutSeconds).toBe(10);
    answers.length = 0;
    const waiting = make(configMaps, 'in-time');
    await until(() => answers.length > 0, { what: 'the webhook to be asked' });
    for (const answer of answers) answer();
    expect((await waiting).status).toBe(201);
  });

  it('fail closed when their certificate is of another authority', async () => {
    const stranger = await startWebhook((body) => respond(body as Review));
    const clientConfig = { url: bed.webhook.url, caBundle: stranger.caBundle };
    await stranger.stop();
    const namespaceSelector = { matchLabels: { closed: 'yes' } };
    await send('POST', '/api/v1/namespaces', { metadata: { name: 'closed', labels: { closed: 'yes' } } });
    await configure('validating', { clientConfig, namespaceSelector });
    const { body } = await make('/api/v1/namespaces/closed/configmaps', 'one');
    expect(body).toMatchObject({ code: 500, reason: 'InternalError' });
    expect(body.message).toContain('certificate signed by unknown authority');
    expect((await make(configMaps, 'not-asked')).status).toBe(201);
  });

  it.each(['mutating', 'validating'] as const)('of the %s kind are never asked about configurations', async (type) => {
    const everything = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
    bed.webhook.answer = (body) =>
      type === 'mutating'
        ? patch(body as Review, { op: 'add', path: '/metadata/annotations', value: { mutated: 'yes' } })
        : deny(body as Review, 'nothing at all');
    await configure(type, { rules: [everything], objectSelector: { matchLabels: { asked: 'yes' } } });
    const metadata = { name: `unasked-${type}`, labels: { asked: 'yes' } };
    for (const each of ['mutating', 'validating'] as const) {
      const namespaceSelector = { matchLabels: { never: 'yes' } };
      const made = await send('POST', pathOf(each), { metadata, webhooks: [bed.hook({ namespaceSelector })] });
      expect(made).toMatchObject({ status: 201 });
      expect(made.body.metadata.annotations).toBeUndefined();
      expect((await send('DELETE', `${pathOf(each)}/${metadata.name}`)).status).toBe(200);
    }
    expect(bed.webhook.bodies).toEqual([]);
  });
});

describe('api-machinery: configurations of webhooks', () => {
  const created = { ...configMapRule, operations: ['CREATE'] };
  const updated = { ...configMapRule, operations: ['UPDATE'] };
  /** Whether the webhook has a say in a new config map. */
  async function counts(type: 'mutating' | 'validating'): Promise<boolean> {
    bed.webhook.answer = (body) =>
      type === 'mutating'
        ? patch(body as Review, { op: 'add', path: '/data', value: { mutated: 'yes' } })
        : deny(body as Review, 'no');
    const answer = await send('POST', `${configMaps}?dryRun=All`, { metadata: { generateName: 'counted-' } });
    return type === 'mutating' ? answer.body.data !== undefined : answer.status !== 201;
  }

  it.each(['mutating', 'validating'] as const)(
    'of the %s kind are listed and deleted as a collection',
    async (type) => {
      const labels = { set: `listed-${type}` };
      for (const name of ['one', 'two']) {
        const webhooks = [bed.hook({ name: `${name}.example.com` })];
        await send('POST', pathOf(type), { metadata: { name: `${type}-${name}`, labels }, webhooks });
      }
      const selected = `${pathOf(type)}?labelSelector=set%3D${labels.set}`;
      expect((await send('GET', selected)).body.items).toHaveLength(2);
      const comesTo = (expected: boolean): Promise<unknown> =>
        until(async () => (await counts(type)) === expected, { what: `the configurations to count: ${expected}` });
      await comesTo(true);
      expect((await send('DELETE', selected)).status).toBe(200);
      expect((await send('GET', selected)).body.items).toEqual([]);
      await comesTo(false);
    },
  );

  it.each(['mutating', 'validating'] as const)(
    'of the %s kind are updated and patched: operations are switched off and on',
    async (type) => {
      const path = await configure(type, { rules: [created] });
      expect(await counts(type)).toBe(true);
      const { body } = await send('GET', path);
      const [first, ...others] = body.webhooks as Json[];
      const webhooks = [{ ...first, rules: [updated] }, ...others];
      expect((await send('PUT', path, { ...body, webhooks })).status).toBe(200);
      await bed.settled(path);
      expect(await counts(type)).toBe(false);
      const change = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
      expect((await send('PATCH', path, change, 'application/json-patch+json')).status).toBe(200);
      await bed.settled(path);
      expect(await counts(type)).toBe(true);
    },
  );

  it.each(['mutating', 'validating'] as const)('of the %s kind keep match conditions, and new ones', async (type) => {
    const conditions = [{ name: 'one', expression: "object.metadata.name != 'skip-me'" }];
    const path = await configure(type, { matchConditions: conditions });
    const { body } = await send('GET', path);
    expect(body.webhooks[0].matchConditions).toEqual(conditions);
    const more = [...conditions, { name: 'two', expression: "!object.metadata.name.startsWith('counted-')" }];
    const [first, ...others] = body.webhooks as Json[];
    const put = await send('PUT', path, { ...body, webhooks: [{ ...first, matchConditions: more }, ...others] });
    expect(put.body.webhooks[0].matchConditions).toEqual(more);
    await bed.settled(path);
    expect(await counts(type)).toBe(false);
  });

  it.each(['mutating', 'validating'] as const)(
    'of the %s kind with invalid match conditions are refused',
    async (type) => {
      const matchConditions = [{ name: 'bad', expression: "object.metadata.name == '" }];
      const { body } = await send('POST', pathOf(type), {
        metadata: { name: 'invalid' },
        webhooks: [bed.hook({ matchConditions })],
      });
      expect(body).toMatchObject({ code: 422, reason: 'Invalid' });
      expect(body.message).toContain('compilation failed');
    },
  );

  it('exclude what their match conditions exclude: everything is mutated but skip-me', async () => {
    const matchConditions = [{ name: 'skip', expression: "object.metadata.name != 'skip-me'" }];
    await configure('mutating', { matchConditions });
    bed.webhook.answer = (body) => patch(body as Review, { op: 'add', path: '/data', value: { mutated: 'yes' } });
    expect((await make(configMaps, 'skip-me')).body.data).toBeUndefined();
    expect((await make(configMaps, 'not-skipped')).body.data).toEqual({ mutated: 'yes' });
  });
});
