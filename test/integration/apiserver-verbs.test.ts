import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configMaps, deployments, pods, type Deployment } from '@timonel/sdk/kube';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const cm = '/api/v1/namespaces/default/configmaps';
const deploy = '/apis/apps/v1/namespaces/default/deployments';

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.stop();
});

function deployment(name: string): Deployment {
  return {
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'nginx:1', ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}

describe('create, get, update, delete', () => {
  it('gives an object what the server sets, and the same bytes back', async () => {
    const created = await server.send('POST', cm, { body: { metadata: { name: 'one' }, data: { a: '1' } } });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'one', namespace: 'default', uid: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    expect(created.body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect((await server.send('GET', `${cm}/one`)).text).toBe(created.text);
  });

  it('ignores what users may not set', async () => {
    const metadata = {
      name: 'odd',
      uid: 'mine',
      resourceVersion: '7',
      generation: 9,
      deletionTimestamp: '2020-01-01T00:00:00Z',
    };
    const { body } = await server.send('POST', cm, { body: { metadata } });
    expect(body.metadata.uid).not.toBe('mine');
    expect(body.metadata.deletionTimestamp).toBeUndefined();
    expect(body.metadata.generation).toBeUndefined();
  });

  it('refuses a second object of the name', async () => {
    const again = await server.send('POST', cm, { body: { metadata: { name: 'one' } } });
    expect(again.body).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "one" already exists',
      details: { name: 'one', kind: 'configmaps' },
    });
  });

  it('makes a name from generateName', async () => {
    const names = new Set<string>();
    for (let count = 0; count < 5; count += 1) {
      const { body } = await server.send('POST', cm, { body: { metadata: { generateName: 'gen-' } } });
      expect(body.metadata.name).toMatch(/^gen-[a-z0-9]{5}$/);
      names.add(body.metadata.name);
    }
    expect(names.size).toBe(5);
  });

  it('replaces only on the version it was read at', async () => {
    const { body } = await server.send('GET', `${cm}/one`);
    const first = await server.send('PUT', `${cm}/one`, { body: { ...body, data: { a: '2' } } });
    expect(first.status).toBe(200);
    const second = await server.send('PUT', `${cm}/one`, { body: { ...body, data: { a: '3' } } });
    expect(second.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(second.body.message).toContain('the object has been modified');
    const { resourceVersion: _gone, ...metadata } = body.metadata;
    const unconditional = await server.send('PUT', `${cm}/one`, { body: { ...body, metadata, data: { a: '4' } } });
    expect(unconditional.body.data).toEqual({ a: '4' });
    expect(unconditional.body.metadata.uid).toBe(body.metadata.uid);
  });

  it('keeps the resourceVersion of an update that changes nothing', async () => {
    const { body } = await server.send('GET', `${cm}/one`);
    const same = await server.send('PUT', `${cm}/one`, { body });
    expect(same.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
    const patched = await server.send('PATCH', `${cm}/one`, {
      type: 'application/merge-patch+json',
      body: { data: { a: '4' } },
    });
    expect(patched.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
  });

  it('honours preconditions of a deletion', async () => {
    const { body } = await server.send('GET', `${cm}/one`);
    const wrong = await server.send('DELETE', `${cm}/one`, { body: { preconditions: { uid: 'other' } } });
    expect(wrong.body).toMatchObject({ code: 409, reason: 'Conflict' });
    const right = await server.send('DELETE', `${cm}/one`, { body: { preconditions: { uid: body.metadata.uid } } });
    expect(right.body).toMatchObject({ kind: 'Status', status: 'Success', details: { uid: body.metadata.uid } });
    expect((await server.send('GET', `${cm}/one`)).body).toMatchObject({
      code: 404,
      message: 'configmaps "one" not found',
    });
  });

  it('writes nothing on a dry run', async () => {
    const dry = await server.send('POST', `${cm}?dryRun=All`, { body: { metadata: { name: 'dry' } } });
    expect(dry.status).toBe(201);
    expect((await server.send('GET', `${cm}/dry`)).status).toBe(404);
    await server.send('POST', cm, { body: { metadata: { name: 'dry' }, data: { a: '1' } } });
    const changed = await server.send('PATCH', `${cm}/dry?dryRun=All`, {
      type: 'application/merge-patch+json',
      body: { data: { a: '2' } },
    });
    expect(changed.body.data).toEqual({ a: '2' });
    await server.send('DELETE', `${cm}/dry?dryRun=All`);
    expect((await server.send('GET', `${cm}/dry`)).body.data).toEqual({ a: '1' });
  });
});

describe('deletion', () => {
  it('waits for finalizers', async () => {
    const metadata = { name: 'held', finalizers: ['example.com/hold'] };
    await server.send('POST', cm, { body: { metadata } });
    const marked = await server.send('DELETE', `${cm}/held`);
    expect(marked.body.metadata).toMatchObject({
      deletionTimestamp: expect.any(String),
      deletionGracePeriodSeconds: 0,
    });
    const type = 'application/merge-patch+json';
    const more = await server.send('PATCH', `${cm}/held`, {
      type,
      body: { metadata: { finalizers: ['a.b/c', 'example.com/hold'] } },
    });
    expect(more.body).toMatchObject({ code: 422, details: { causes: [{ field: 'metadata.finalizers' }] } });
    expect((await server.send('PATCH', `${cm}/held`, { type, body: { metadata: { finalizers: null } } })).status).toBe(
      200,
    );
    expect((await server.send('GET', `${cm}/held`)).status).toBe(404);
  });

  it('gives pods on nodes their grace period, and cuts it short on request', async () => {
    const spec = { nodeName: 'node-1', containers: [{ name: 'c', image: 'i' }], terminationGracePeriodSeconds: 20 };
    await server.api.create(pods, { metadata: { name: 'graceful', namespace: 'default' }, spec });
    const path = '/api/v1/namespaces/default/pods/graceful';
    const marked = await server.send('DELETE', path);
    expect(marked.body.metadata.deletionGracePeriodSeconds).toBe(20);
    const left = Date.parse(marked.body.metadata.deletionTimestamp) - Date.now();
    expect(left).toBeGreaterThan(10_000);
    expect((await server.send('DELETE', path)).body.metadata.deletionGracePeriodSeconds).toBe(20);
    expect((await server.send('DELETE', `${path}?gracePeriodSeconds=0`)).body).toMatchObject({ status: 'Success' });
    expect((await server.send('GET', path)).status).toBe(404);
  });

  it('deletes a collection by label', async () => {
    for (const name of ['del-a', 'del-b', 'del-c']) {
      const labels = { group: name === 'del-c' ? 'keep' : 'drop' };
      await server.send('POST', cm, { body: { metadata: { name, labels } } });
    }
    const answer = await server.send('DELETE', `${cm}?labelSelector=group%3Ddrop`);
    expect(answer.body.items).toHaveLength(2);
    const left = await server.send('GET', `${cm}?labelSelector=group`);
    expect(left.body.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['del-c']);
  });
});

describe('status, scale, generation', () => {
  it('separates spec from status', async () => {
    await server.send('POST', deploy, { body: { ...deployment('web'), status: { replicas: 9 } } });
    const { body } = await server.send('GET', `${deploy}/web`);
    expect(body.metadata.generation).toBe(1);
    expect(body.status?.replicas).toBeUndefined();
    const status = await server.send('PUT', `${deploy}/web/status`, {
      body: { ...body, spec: { ...body.spec, replicas: 50 }, status: { replicas: 1, observedGeneration: 1 } },
    });
    expect(status.body).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 1 }, metadata: { generation: 1 } });
    const type = 'application/merge-patch+json';
    const patched = await server.send('PATCH', `${deploy}/web/status`, { type, body: { status: { replicas: 2 } } });
    expect(patched.body.status).toMatchObject({ replicas: 2, observedGeneration: 1 });
    const spec = await server.send('PATCH', `${deploy}/web`, {
      type,
      body: { spec: { replicas: 3 }, status: { replicas: 77 } },
    });
    expect(spec.body).toMatchObject({ spec: { replicas: 3 }, status: { replicas: 2 }, metadata: { generation: 2 } });
    const labelled = await server.send('PATCH', `${deploy}/web`, { type, body: { metadata: { labels: { x: 'y' } } } });
    expect(labelled.body.metadata.generation).toBe(2);
  });

  it('scales', async () => {
    const scale = await server.send('GET', `${deploy}/web/scale`);
    expect(scale.body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 3 },
      status: { replicas: 2, selector: 'app=web' },
    });
    const put = await server.send('PUT', `${deploy}/web/scale`, { body: { ...scale.body, spec: { replicas: 5 } } });
    expect(put.body.spec).toEqual({ replicas: 5 });
    const stale = await server.send('PUT', `${deploy}/web/scale`, { body: { ...scale.body, spec: { replicas: 6 } } });
    expect(stale.body).toMatchObject({ code: 409, reason: 'Conflict' });
    const type = 'application/merge-patch+json';
    await server.send('PATCH', `${deploy}/web/scale`, { type, body: { spec: { replicas: 1 } } });
    expect((await server.send('GET', `${deploy}/web`)).body.spec.replicas).toBe(1);
    const negative = await server.send('PATCH', `${deploy}/web/scale`, { type, body: { spec: { replicas: -1 } } });
    expect(negative.body).toMatchObject({ code: 422, details: { causes: [{ field: 'spec.replicas' }] } });
    expect((await server.send('GET', `${cm}/dry/scale`)).status).toBe(404);
  });
});

describe('lists', () => {
  it('pages at one revision', async () => {
    for (let index = 0; index < 7; index += 1) {
      await server.send('POST', cm, { body: { metadata: { name: `page-${index}`, labels: { paged: 'yes' } } } });
    }
    const first = await server.send('GET', `${cm}?labelSelector=paged&limit=3`);
    expect(first.body.items).toHaveLength(3);
    await server.send('DELETE', `${cm}/page-4`);
    await server.send('POST', cm, { body: { metadata: { name: 'page-41', labels: { paged: 'yes' } } } });
    const names: string[] = first.body.items.map((item: { metadata: { name: string } }) => item.metadata.name);
    let token: string | undefined = first.body.metadata.continue;
    while (token !== undefined) {
      const page = await server.send('GET', `${cm}?labelSelector=paged&limit=3&continue=${encodeURIComponent(token)}`);
      expect(page.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
      names.push(...page.body.items.map((item: { metadata: { name: string } }) => item.metadata.name));
      token = page.body.metadata.continue;
    }
    expect(names).toEqual([0, 1, 2, 3, 4, 5, 6].map((index) => `page-${index}`));
  });

  it('answers as Table and as PartialObjectMetadataList', async () => {
    const table = await server.send('GET', deploy, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' },
    });
    expect(table.body).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    expect(table.body.rows[0].cells[0]).toBe('web');
    expect(table.body.rows[0].object.kind).toBe('PartialObjectMetadata');
    const partial = await server.send('GET', deploy, {
      headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
    });
    expect(partial.body.kind).toBe('PartialObjectMetadataList');
    expect(partial.body.items[0].spec).toBeUndefined();
  });
});

describe('the in-process client', () => {
  it('goes the same way and hands out frozen objects', async () => {
    const created = await server.api.create(deployments, deployment('inproc'));
    expect(Object.isFrozen(created.spec.template)).toBe(true);
    expect(created.spec.strategy).toMatchObject({ type: 'RollingUpdate' });
    const over = await server.send('GET', `${deploy}/inproc`);
    expect(over.body).toEqual(created);
    await expect(server.api.create(deployments, deployment('inproc'))).rejects.toMatchObject({
      reason: 'AlreadyExists',
    });
    await expect(server.api.get(configMaps, { namespace: 'default', name: 'nope' })).rejects.toMatchObject({
      reason: 'NotFound',
    });
    const patched = await server.api.patch(
      deployments,
      { namespace: 'default', name: 'inproc' },
      { type: 'strategic', body: { spec: { template: { spec: { containers: [{ name: 'side', image: 'i' }] } } } } },
    );
    expect(patched.spec.template.spec.containers.map(({ name }) => name).toSorted()).toEqual(['main', 'side']);
    await server.api.delete(deployments, { namespace: 'default', name: 'inproc' });
    await expect(server.api.get(deployments, { namespace: 'default', name: 'inproc' })).rejects.toMatchObject({
      reason: 'NotFound',
    });
  });

  it('loses no update among writers of one object', async () => {
    await server.api.create(configMaps, { metadata: { name: 'count', namespace: 'default' }, data: {} });
    const writers = Array.from({ length: 12 }, (_none, index) =>
      server.api.patch(
        configMaps,
        { namespace: 'default', name: 'count' },
        { type: 'merge', body: { data: { [`k${index}`]: 'v' } } },
      ),
    );
    await Promise.all(writers);
    const { data } = await server.api.get(configMaps, { namespace: 'default', name: 'count' });
    expect(Object.keys(data ?? {})).toHaveLength(12);
  });

  it('lets exactly one of two creates win', async () => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        server.api.create(configMaps, { metadata: { name: 'race', namespace: 'default' } }),
      ),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
