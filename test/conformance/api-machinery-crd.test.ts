import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import type { HttpWatch } from '../support/api-server.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';
import { crdOf, crdPath, eventually, serveCrd, versionOf, type CrdInput, type Json } from '../support/crds.ts';
import { startWebhook, type WebhookServer } from '../support/webhook-server.ts';

const merge = 'application/merge-patch+json';
const text = { type: 'string' };
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
let tools: KubectlServer;
let webhook: WebhookServer;
let count = 0;

interface Item {
  readonly apiVersion: string;
  readonly metadata: { readonly name: string };
  readonly spec: Json;
}

/** The webhook adds the version to the host. */
const converting: WebhookServer['answer'] = ({ request, apiVersion, kind }) => {
  const { uid, desiredAPIVersion, objects } = request as { uid: string; desiredAPIVersion: string; objects: Item[] };
  const version = desiredAPIVersion.split('/')[1] ?? '';
  const convertedObjects = objects.map((object) => ({
    ...object,
    apiVersion: desiredAPIVersion,
    spec: { host: `${String(object.spec['host']).split('@', 1)[0]}@${version}` },
  }));
  return {
    apiVersion: apiVersion as string,
    kind: kind as string,
    response: { uid, result: { status: 'Success' }, convertedObjects },
  };
};

beforeAll(async () => {
  tools = await startKubectlServer({ plugins: [controllerCrd] });
  webhook = await startWebhook(converting);
});
afterAll(async () => {
  await tools.server.stop();
  await webhook.stop();
});

const groupName = (): string => `test${(count += 1)}.example.com`;
const objectsIn = (group: string, version = 'v1'): string => `/apis/${group}/${version}/namespaces/default/crontabs`;

/** Serves a kind in a group of its own. */
async function serve(
  input: Omit<CrdInput, 'group'> = {},
): Promise<{ group: string; path: string; definition: string }> {
  const group = groupName();
  await serveCrd(tools.server, { group, ...input });
  return { group, path: objectsIn(group), definition: `${crdPath}/crontabs.${group}` };
}

const send: KubectlServer['server']['send'] = (...request) => tools.server.send(...request);
/** Runs kubectl, which remembers for ten minutes what it discovered: here for one command. */
const kubectl = (args: readonly string[], input?: string): ReturnType<KubectlServer['run']> =>
  tools.run(['--cache-dir', `${tools.server.kernel.dataDir}/cache-${(count += 1)}`, ...args], input);
const itemsOf = async (path: string): Promise<readonly Item[]> => (await send('GET', path)).body.items as Item[];
const typesOf = ({ events }: HttpWatch): readonly string[] => events.map(({ type }) => type);

describe('api-machinery: CustomResourceDefinition', () => {
  it('is created and deleted, and its objects with it', async () => {
    const { path, definition } = await serve();
    expect((await send('POST', path, { body: { metadata: { name: 'a' }, spec: {} } })).status).toBe(201);
    expect((await send('DELETE', definition)).status).toBe(200);
    await eventually('both are gone', async () => {
      expect((await send('GET', definition)).status).toBe(404);
      expect((await send('GET', path)).status).toBe(404);
    });
  });

  it('is listed by label and deleted as a collection', async () => {
    const labels = { set: 'collection' };
    const bodies = [1, 2].map(() => ({ ...crdOf({ group: groupName() }) }));
    for (const body of bodies) {
      await send('POST', crdPath, { body: { ...body, metadata: { ...body.metadata, labels } } });
    }
    const selected = `${crdPath}?labelSelector=set%3Dcollection`;
    expect(await itemsOf(selected)).toHaveLength(2);
    await send('DELETE', selected);
    await eventually('none is left', async () => expect(await itemsOf(selected)).toEqual([]));
  });

  it('has a status that is read, replaced and patched by itself', async () => {
    const { definition } = await serve();
    const condition = {
      type: 'Extra',
      status: 'True',
      reason: 'Test',
      message: 'x',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    await eventually('the condition is there', async () => {
      const { body } = await send('GET', `${definition}/status`);
      const conditions = [...(body.status.conditions as Json[]), condition];
      const put = await send('PUT', `${definition}/status`, {
        body: { ...body, status: { ...body.status, conditions } },
      });
      expect(put.body.status.conditions).toContainEqual(condition);
    });
    const patched = await send('PATCH', `${definition}/status`, {
      type: merge,
      body: { spec: { group: 'other' }, status: { storedVersions: ['v1'] } },
    });
    expect(patched.body).toMatchObject({ spec: { group: expect.stringMatching(/^test/) } });
  });

  it('has objects that are watched', async () => {
    const { path } = await serve();
    const watch = tools.server.watch(`${path}?watch=1`);
    await send('POST', path, { body: { metadata: { name: 'a' }, spec: { n: 1 } } });
    await send('PATCH', `${path}/a`, { type: merge, body: { spec: { n: 2 } } });
    await send('DELETE', `${path}/a`);
    await eventually('three events', () => expect(typesOf(watch)).toEqual(['ADDED', 'MODIFIED', 'DELETED']));
    watch.stop();
  });

  it('is in discovery, with the kinds that it describes', async () => {
    const { group } = await serve();
    const { body } = await send('GET', '/apis');
    const found = (body.groups as Json[]).filter(({ name }) => name === 'apiextensions.k8s.io' || name === group);
    expect(found).toMatchObject([
      { name: 'apiextensions.k8s.io', preferredVersion: { version: 'v1' } },
      { name: group, preferredVersion: { version: 'v1' } },
    ]);
    const resources = await send('GET', `/apis/${group}/v1`);
    expect(resources.body.resources).toMatchObject([{ name: 'crontabs', kind: 'CronTab', namespaced: true }]);
  });

  it('gives defaults when objects are written and when they are read, also when the defaults have changed', async () => {
    const withDefault = (value: string): Json[] => [
      versionOf('v1', {
        spec: { type: 'object', default: {}, properties: { a: { ...text, default: value }, b: text } },
      }),
    ];
    const { path, definition } = await serve({ versions: withDefault('one') });
    const created = await send('POST', path, { body: { metadata: { name: 'a' } } });
    expect(created.body.spec).toEqual({ a: 'one' });
    await send('POST', path, { body: { metadata: { name: 'b' }, spec: { b: 'x' } } });
    await send('PATCH', definition, { type: merge, body: { spec: { versions: withDefault('two') } } });
    await eventually('the new default', async () => {
      const made = await send('POST', path, { body: { metadata: { generateName: 'c-' } } });
      expect(made.body.spec).toEqual({ a: 'two' });
    });
    // What was set is stored, and stays.
    expect((await send('GET', `${path}/a`)).body.spec).toEqual({ a: 'one' });
  });

  const versions = (stored: string): Json[] =>
    ['v1', 'v2'].map((name) =>
      versionOf(
        name,
        { spec: { type: 'object', properties: { host: text } } },
        {
          storage: name === stored,
          selectableFields: [{ jsonPath: '.spec.host' }],
        },
      ),
    );
  const serveConverted = (): ReturnType<typeof serve> =>
    serve({
      versions: versions('v1'),
      spec: {
        conversion: {
          strategy: 'Webhook',
          webhook: { clientConfig: webhook.clientConfig, conversionReviewVersions: ['v1'] },
        },
      },
    });
  const create = (path: string, name: string, host: string): Promise<unknown> =>
    send('POST', path, { body: { metadata: { name }, spec: { host } } });

  it('has objects that are selected by fields in lists and watches, in each version', async () => {
    const { group, path } = await serveConverted();
    const other = objectsIn(group, 'v2');
    const watch = tools.server.watch(`${other}?watch=1&fieldSelector=spec.host%3Dx@v2`);
    await create(path, 'a', 'x');
    await create(path, 'b', 'y');
    const names = async (from: string): Promise<unknown> => (await itemsOf(from)).map(({ metadata }) => metadata.name);
    expect(await names(`${other}?fieldSelector=spec.host%3Dx@v2`)).toEqual(['a']);
    expect(await names(`${path}?fieldSelector=spec.host%3Dy`)).toEqual(['b']);
    await send('PATCH', `${path}/a`, { type: merge, body: { spec: { host: 'z' } } });
    await eventually('it leaves the selection', () => expect(typesOf(watch)).toEqual(['ADDED', 'DELETED']));
    watch.stop();
  });

  it('has objects that are converted by a webhook from one version to another', async () => {
    const { group, path } = await serveConverted();
    await create(path, 'a', 'x');
    const { body } = await send('GET', `${objectsIn(group, 'v2')}/a`);
    expect(body).toMatchObject({ apiVersion: `${group}/v2`, spec: { host: 'x@v2' } });
  });

  it('lists objects that are stored in mixed versions', async () => {
    const { group, path, definition } = await serveConverted();
    await create(path, 'a', 'x');
    await send('PATCH', definition, { type: merge, body: { spec: { versions: versions('v2') } } });
    await eventually('v2 is stored', async () => {
      const { body } = await send('GET', definition);
      expect(body.status.storedVersions).toEqual(['v1', 'v2']);
    });
    await create(objectsIn(group, 'v2'), 'b', 'y');
    const hosts = async (version: string): Promise<unknown> =>
      (await itemsOf(objectsIn(group, version))).map((item) => [item.apiVersion, item.spec['host']]);
    expect(await hosts('v1')).toEqual([
      [`${group}/v1`, 'x'],
      [`${group}/v1`, 'y@v1'],
    ]);
    expect(await hosts('v2')).toEqual([
      [`${group}/v2`, 'x@v2'],
      [`${group}/v2`, 'y'],
    ]);
  });
});

const manifest = (group: string, object: Json, version = 'v1'): string =>
  JSON.stringify({ apiVersion: `${group}/${version}`, kind: 'CronTab', metadata: { name: 'a' }, ...object });
const publishedIn = async (group: string, version: string): Promise<Json> => {
  const { body } = await send('GET', `/openapi/v3/apis/${group}/${version}`);
  return (body.components?.schemas ?? {}) as Json;
};
const keyOf = (group: string, version = 'v1', kind = 'CronTab'): string =>
  `${group.split('.').toReversed().join('.')}.${version}.${kind}`;

describe('api-machinery: OpenAPI of custom resources', () => {
  const dryRun = ['create', '--dry-run=server', '--validate=strict', '-f', '-'];

  it('publishes kinds that are validated and explained by its schema', async () => {
    const properties = {
      spec: {
        type: 'object',
        description: 'What is wanted.',
        required: ['a'],
        properties: { a: { ...text, description: 'The first.' } },
      },
    };
    const { group } = await serve({ properties });
    expect(await kubectl(dryRun, manifest(group, { spec: { a: 'x' } }))).toMatchObject({ status: 0 });
    const unknown = await kubectl(dryRun, manifest(group, { spec: { a: 'x', b: 1 } }));
    expect(unknown.stderr).toContain('unknown field "spec.b"');
    const missing = await kubectl(dryRun, manifest(group, { spec: {} }));
    expect(missing.stderr).toContain('spec.a: Required value');
    const explained = await kubectl(['explain', `crontabs.${group}`, '--recursive']);
    expect(explained.stdout).toMatch(/KIND:\s+CronTab/);
    const field = await kubectl(['explain', `crontabs.${group}.spec.a`]);
    expect(field.stdout).toContain('The first.');
  });

  it('publishes kinds without a schema', async () => {
    const { group } = await serve({ versions: [{ ...versionOf('v1', {}), schema: { openAPIV3Schema: open } }] });
    expect(await kubectl(dryRun, manifest(group, { anything: { at: 'all' } }))).toMatchObject({ status: 0 });
    expect((await kubectl(['explain', `crontabs.${group}`])).stdout).toMatch(/KIND:\s+CronTab/);
  });

  it('keeps unknown fields at the root', async () => {
    const schema = { openAPIV3Schema: { ...open, properties: { spec: { type: 'object', properties: { a: text } } } } };
    const { group } = await serve({ versions: [{ ...versionOf('v1', {}), schema }] });
    const created = await send('POST', objectsIn(group), {
      body: { metadata: { name: 'a' }, spec: { a: 'x' }, more: 1 },
    });
    expect(created.body.more).toBe(1);
    expect((await kubectl(['explain', `crontabs.${group}.spec`])).stdout).toContain('a\t<string>');
  });

  it('keeps unknown fields in a nested object, and in one that is an object of its own', async () => {
    const embedded = { ...open, 'x-kubernetes-embedded-resource': true };
    const { group } = await serve({ properties: { spec: { type: 'object', properties: { free: open, embedded } } } });
    const inner = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, odd: true };
    const spec = { free: { b: { c: 1 } }, embedded: inner };
    const created = await send('POST', objectsIn(group), { body: { metadata: { name: 'a' }, spec } });
    expect(created.body.spec).toEqual(spec);
    expect((await kubectl(['explain', `crontabs.${group}.spec.embedded`])).stdout).toContain('metadata\t<ObjectMeta>');
  });

  it('publishes several groups', async () => {
    const groups = [await serve(), await serve()].map(({ group }) => group);
    for (const group of groups) expect(await publishedIn(group, 'v1')).toHaveProperty([keyOf(group)]);
    const { body } = await send('GET', '/openapi/v2');
    for (const group of groups) expect(body.definitions).toHaveProperty([keyOf(group)]);
  });

  const two = (first: string, second: Json): Json[] => [
    versionOf(first, { spec: { type: 'object', properties: { a: text } } }),
    versionOf('v2', { spec: { type: 'object', properties: { b: text } } }, { storage: false, ...second }),
  ];

  it('publishes several versions of a group', async () => {
    const { group } = await serve({ versions: two('v1', {}) });
    for (const [version, field] of Object.entries({ v1: 'a', v2: 'b' })) {
      const schema = (await publishedIn(group, version))[keyOf(group, version)];
      expect(schema).toHaveProperty(['properties', 'spec', 'properties', field]);
    }
  });

  it('publishes several kinds of a group and version', async () => {
    const { group } = await serve();
    await serveCrd(tools.server, { group, plural: 'others', kind: 'Other' });
    const schemas = await publishedIn(group, 'v1');
    expect(schemas).toHaveProperty([keyOf(group)]);
    expect(schemas).toHaveProperty([keyOf(group, 'v1', 'Other')]);
  });

  it('follows a version that is renamed', async () => {
    const { group, definition } = await serve({ versions: two('v1', {}) });
    const [v1, v2] = two('v1', {});
    await send('PATCH', definition, { type: merge, body: { spec: { versions: [v1, { ...v2, name: 'v4' }] } } });
    await eventually('the new name', async () => {
      expect(await publishedIn(group, 'v4')).toHaveProperty([keyOf(group, 'v4')]);
      expect(await publishedIn(group, 'v2')).toEqual({});
    });
    expect(await publishedIn(group, 'v1')).toHaveProperty([keyOf(group)]);
  });

  it('takes away a version that is served no more', async () => {
    const { group, definition } = await serve({ versions: two('v1', {}) });
    await send('PATCH', definition, { type: merge, body: { spec: { versions: two('v1', { served: false }) } } });
    await eventually('it is gone', async () => expect(await publishedIn(group, 'v2')).toEqual({}));
    expect(await publishedIn(group, 'v1')).toHaveProperty([keyOf(group)]);
  });
});

describe('api-machinery: field validation', () => {
  const configMaps = '/api/v1/namespaces/default/configmaps';
  const strictly = (path: string, body: Json | string): ReturnType<typeof send> =>
    send('POST', `${path}?fieldValidation=Strict&dryRun=All`, { body });

  it('finds unknown fields of typed objects', async () => {
    const { body } = await strictly(configMaps, { metadata: { name: 'a' }, data: {}, odd: 1 });
    expect(body.message).toContain('strict decoding error: unknown field "odd"');
    const warned = await send('POST', `${configMaps}?dryRun=All`, { body: { metadata: { name: 'a' }, odd: 1 } });
    expect(warned.headers['warning']).toContain('unknown field');
  });

  it('finds duplicate fields of typed objects', async () => {
    const { body } = await strictly(configMaps, '{"metadata":{"name":"a"},"data":{"k":"1","k":"2"}}');
    expect(body.message).toContain('strict decoding error: duplicate field "data.k"');
  });

  const withSchema = { spec: { type: 'object', properties: { a: text } } };

  it('finds unknown fields of custom resources', async () => {
    const { path } = await serve({ properties: withSchema });
    const { body } = await strictly(path, { metadata: { name: 'a' }, spec: { a: 'x', b: 1 }, top: 1 });
    expect(body.message).toContain('strict decoding error: unknown field "spec.b", unknown field "top"');
  });

  it('finds duplicate fields of custom resources', async () => {
    const { path } = await serve({ properties: withSchema });
    const { body } = await strictly(path, '{"metadata":{"name":"a"},"spec":{"a":"x","a":"y"}}');
    expect(body.message).toContain('strict decoding error: duplicate field "spec.a"');
  });

  it('finds unknown metadata of both', async () => {
    const { path } = await serve({ properties: withSchema });
    for (const one of [configMaps, path]) {
      const { body } = await strictly(one, { metadata: { name: 'a', odd: 1 } });
      expect(body.message).toContain('unknown field "metadata.odd"');
    }
  });

  it('takes anything in custom resources without a schema', async () => {
    const { path } = await serve({ versions: [{ ...versionOf('v1', {}), schema: { openAPIV3Schema: open } }] });
    const { status } = await strictly(path, { metadata: { name: 'a' }, spec: { a: 1 }, top: 1 });
    expect(status).toBe(201);
  });

  it('lets pass what is valid, in every mode', async () => {
    const { path } = await serve({ properties: withSchema });
    for (const mode of ['Strict', 'Warn', 'Ignore']) {
      const body = { metadata: { name: 'a' }, spec: { a: 'x' } };
      const answer = await send('POST', `${path}?fieldValidation=${mode}&dryRun=All`, { body });
      expect(answer).toMatchObject({ status: 201, body: { spec: { a: 'x' } } });
      expect(answer.headers['warning']).toBeUndefined();
    }
  });
});
