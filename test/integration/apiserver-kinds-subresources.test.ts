/** Doors to a part of an object, and kinds without objects of their own. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const pods = '/api/v1/namespaces/default/pods';
const strategic = 'application/strategic-merge-patch+json';
const amounts = { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '250m', memory: '64Mi' } };

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.stop();
});

async function pod(name: string, container: object = {}): Promise<Answer> {
  const spec = { containers: [{ name: 'c', image: 'nginx:1.27', ...container }] };
  return server.send('POST', pods, { body: { metadata: { name }, spec } });
}

describe('pods/ephemeralcontainers', () => {
  const patch = (name: string, containers: unknown): Promise<Answer> =>
    server.send('PATCH', `${pods}/${name}/ephemeralcontainers`, {
      type: strategic,
      body: { spec: { ephemeralContainers: containers } },
    });
  const debug = { name: 'debug', image: 'busybox', targetContainerName: 'c', stdin: true };

  it('adds containers, which get their defaults, and nothing else', async () => {
    await pod('one');
    const { status, body } = await server.send('PATCH', `${pods}/one/ephemeralcontainers`, {
      type: strategic,
      body: { metadata: { labels: { ignored: 'yes' } }, spec: { ephemeralContainers: [debug] } },
    });
    expect(status).toBe(200);
    expect(body.spec.ephemeralContainers).toEqual([
      {
        ...debug,
        imagePullPolicy: 'Always',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ]);
    expect(body.metadata.labels).toBeUndefined();
    expect(body.metadata.generation).toBe(2);
    const second = await patch('one', [{ name: 'more', image: 'busybox' }]);
    expect(second.body.spec.ephemeralContainers).toHaveLength(2);
    expect((await server.send('GET', `${pods}/one/ephemeralcontainers`)).body).toEqual(second.body);
  });

  it('neither changes nor removes them, and the pod itself cannot add them', async () => {
    const { body } = await server.send('GET', `${pods}/one`);
    const put = (ephemeralContainers: unknown, door = '/ephemeralcontainers'): Promise<Answer> =>
      server.send('PUT', `${pods}/one${door}`, { body: { ...body, spec: { ...body.spec, ephemeralContainers } } });
    const [kept] = body.spec.ephemeralContainers as object[];
    expect((await put([kept])).body).toMatchObject({
      code: 422,
      message: expect.stringContaining('may not be removed') as unknown,
    });
    const changed = (body.spec.ephemeralContainers as object[]).map((item) => ({ ...item, image: 'other' }));
    expect((await put(changed)).body).toMatchObject({
      code: 422,
      message: expect.stringContaining('may not be changed') as unknown,
    });
    expect(
      (await put([...(body.spec.ephemeralContainers as object[]), { name: 'new', image: 'x' }], '')).body,
    ).toMatchObject({
      code: 422,
      details: { causes: [{ field: 'spec', reason: 'FieldValueForbidden' }] },
    });
  });

  it('refuses what such a container cannot have', async () => {
    await pod('two');
    const { body } = await patch('two', [
      { ...debug, targetContainerName: 'x', ports: [{ containerPort: 80 }], resources: amounts },
    ]);
    expect(body.code).toBe(422);
    expect((body.details.causes as { field: string }[]).map(({ field }) => field).toSorted()).toEqual([
      'spec.ephemeralContainers[0].ports',
      'spec.ephemeralContainers[0].resources',
      'spec.ephemeralContainers[0].targetContainerName',
    ]);
  });
});

describe('pods/resize', () => {
  const resize = (resources: object, more: object = {}): Promise<Answer> =>
    server.send('PATCH', `${pods}/sized/resize`, {
      type: strategic,
      body: { spec: { containers: [{ name: 'c', resources, ...more }] } },
    });

  it('changes cpu and memory, and nothing else', async () => {
    await pod('sized', { resources: amounts });
    const { status, body } = await resize({ requests: { cpu: '300m' } }, { image: 'other' });
    expect(status).toBe(200);
    expect(body.spec.containers[0]).toMatchObject({
      image: 'nginx:1.27',
      resources: { ...amounts, requests: { cpu: '300m', memory: '64Mi' } },
    });
    expect(body.metadata.generation).toBe(2);
  });

  it('keeps the class of the pod, and other resources', async () => {
    const guaranteed = await resize({ requests: { cpu: '500m' } });
    expect(guaranteed.body).toMatchObject({
      code: 422,
      message: expect.stringContaining('Pod QOS Class may not change') as unknown,
    });
    const disk = await resize({ limits: { 'ephemeral-storage': '1Gi' } });
    expect(disk.body).toMatchObject({
      code: 422,
      message: expect.stringContaining('only cpu and memory resources are mutable') as unknown,
    });
    const removed = await resize({ limits: { cpu: null } });
    expect(removed.body).toMatchObject({ code: 422, message: expect.stringContaining('cannot be removed') as unknown });
  });

  it('leaves init containers that end as they are, and changes sidecars', async () => {
    const init = { image: 'nginx:1.27', resources: amounts };
    const body = {
      metadata: { name: 'inits' },
      spec: {
        containers: [{ name: 'c', image: 'nginx:1.27' }],
        initContainers: [
          { ...init, name: 'ends' },
          { ...init, name: 'stays', restartPolicy: 'Always' },
        ],
      },
    };
    expect((await server.send('POST', pods, { body })).status).toBe(201);
    const change = (name: string): Promise<Answer> =>
      server.send('PATCH', `${pods}/inits/resize`, {
        type: strategic,
        body: { spec: { initContainers: [{ name, resources: { requests: { cpu: '300m' } } }] } },
      });
    expect((await change('stays')).status).toBe(200);
    expect((await change('ends')).body).toMatchObject({
      code: 422,
      message: expect.stringContaining('resources for non-sidecar init containers are immutable') as unknown,
    });
  });

  it('is the only door: the pod itself does not change its resources', async () => {
    const { body } = await server.send('PATCH', `${pods}/sized`, {
      type: strategic,
      body: { spec: { containers: [{ name: 'c', resources: { requests: { cpu: '100m' } } }] } },
    });
    expect(body).toMatchObject({ code: 422, reason: 'Invalid' });
  });
});

describe('kinds without objects of their own', () => {
  it('bindings are the older door to pods/binding', async () => {
    await pod('bound');
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'bound' },
      target: { kind: 'Node', name: 'n1' },
    };
    const bind = (path: string): Promise<Answer> => server.send('POST', path, { body: binding });
    expect(await bind('/api/v1/namespaces/default/bindings?dryRun=All')).toMatchObject({ status: 201 });
    expect((await server.send('GET', `${pods}/bound`)).body.spec.nodeName).toBeUndefined();
    expect(await bind('/api/v1/namespaces/default/bindings')).toMatchObject({
      status: 201,
      body: { status: 'Success' },
    });
    expect((await server.send('GET', `${pods}/bound`)).body.spec.nodeName).toBe('n1');
    expect(await bind('/api/v1/namespaces/default/bindings')).toMatchObject({ status: 409 });
    expect(await bind('/api/v1/bindings')).toMatchObject({ status: 405 });
    expect(await server.send('GET', '/api/v1/namespaces/default/bindings')).toMatchObject({ status: 405 });
  });

  it('a binding gives the pod the zone of its node', async () => {
    const zone = { 'topology.kubernetes.io/zone': 'z1' };
    const node = { metadata: { name: 'zoned', labels: { ...zone, other: 'label' } } };
    expect(await server.send('POST', '/api/v1/nodes', { body: node })).toMatchObject({ status: 201 });
    await pod('in-zone');
    const binding = { metadata: { name: 'in-zone' }, target: { kind: 'Node', name: 'zoned' } };
    expect(await server.send('POST', `${pods}/in-zone/binding`, { body: binding })).toMatchObject({ status: 201 });
    const { metadata, spec } = (await server.send('GET', `${pods}/in-zone`)).body;
    expect(spec.nodeName).toBe('zoned');
    expect(metadata.labels).toMatchObject(zone);
    expect(metadata.labels).not.toHaveProperty('other');
  });

  it('component statuses are made at each read', async () => {
    const list = await server.send('GET', '/api/v1/componentstatuses');
    expect(list.body).toMatchObject({ kind: 'ComponentStatusList', apiVersion: 'v1' });
    const store = (list.body.items as { metadata: { name: string } }[]).find(
      ({ metadata }) => metadata.name === 'store',
    );
    expect(store).toMatchObject({ conditions: [{ type: 'Healthy', status: 'True' }] });
    const one = await server.send('GET', '/api/v1/componentstatuses/store');
    expect(one.body).toMatchObject({ kind: 'ComponentStatus', metadata: { name: 'store' } });
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const table = await server.send('GET', '/api/v1/componentstatuses?fieldSelector=metadata.name=store', {
      headers: { accept },
    });
    expect(table.body.rows).toMatchObject([{ cells: ['store', 'Healthy', 'ok', ''] }]);
    expect(await server.send('GET', '/api/v1/componentstatuses/nothing')).toMatchObject({ status: 404 });
    expect(await server.send('POST', '/api/v1/componentstatuses', { body: {} })).toMatchObject({ status: 405 });
    expect(await server.send('GET', '/api/v1/componentstatuses?watch=1')).toMatchObject({ status: 405 });
  });

  it('namespaces cannot be deleted as a collection', async () => {
    expect(await server.send('DELETE', '/api/v1/namespaces?labelSelector=x')).toMatchObject({ status: 405 });
  });
});
