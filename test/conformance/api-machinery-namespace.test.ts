import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import gcController from '@timonel/plugin-controller-gc';
import namespaceController from '@timonel/plugin-controller-namespace';
import { configMaps, isNotFound, namespaces, pods, services, type Namespace } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ controllers: [namespaceController, gcController] });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const get = (name: string): Promise<Namespace> => cluster.api.get(namespaces, { name });

const gone = (name: string): Promise<unknown> =>
  cluster.until(`${name} to go`, () =>
    get(name).then(
      () => false,
      (error: unknown) => isNotFound(error),
    ),
  );

describe('api-machinery: Namespace', () => {
  it('takes its pods along when it is deleted', async () => {
    const namespace = await cluster.namespace();
    const spec = { containers: [{ name: 'main', image: 'web:1' }] };
    for (const name of ['a', 'b']) await cluster.api.create(pods, { metadata: { namespace, name }, spec });
    const deleted = await cluster.api.delete(namespaces, { name: namespace });
    expect(deleted.status?.phase).toBe('Terminating');
    await gone(namespace);
    // Of the same name, it begins empty.
    await cluster.api.create(namespaces, { metadata: { name: namespace } });
    expect((await cluster.api.list(pods, { namespace })).items).toEqual([]);
  });

  it('takes its services along when it is deleted', async () => {
    const namespace = await cluster.namespace();
    await cluster.api.create(services, { metadata: { namespace, name: 'web' }, spec: { ports: [{ port: 80 }] } });
    await cluster.api.delete(namespaces, { name: namespace });
    await gone(namespace);
    await cluster.api.create(namespaces, { metadata: { name: namespace } });
    expect((await cluster.api.list(services, { namespace })).items).toEqual([]);
  });

  it('lets its pods go before its other objects', async () => {
    const namespace = await cluster.namespace();
    const { api } = cluster;
    const finalizers = ['example.com/hold'];
    const spec = { containers: [{ name: 'main', image: 'web:1' }] };
    await api.create(pods, { metadata: { namespace, name: 'held', finalizers }, spec });
    await api.create(configMaps, { metadata: { namespace, name: 'map' } });
    await api.delete(namespaces, { name: namespace });
    const pod = await cluster.until('the pod to be deleted', async () => {
      const held = await api.get(pods, { namespace, name: 'held' });
      return held.metadata.deletionTimestamp === undefined ? undefined : held;
    });
    const map = await api.get(configMaps, { namespace, name: 'map' });
    expect(map.metadata.deletionTimestamp).toBeUndefined();
    await api.update(pods, { ...pod, metadata: { ...pod.metadata, finalizers: [] } });
    await gone(namespace);
  });

  it('takes no objects in while it is deleted, and waits for a foreign finalizer in its spec, which goes through /finalize', async () => {
    const name = 'held';
    const held = await cluster.api.create(namespaces, { metadata: { name } });
    const finalizers = [...(held.spec?.finalizers ?? []), 'example.com/hold'];
    const path = `/api/v1/namespaces/${name}/finalize`;
    const added = await cluster.server.send('PUT', path, { body: { ...held, spec: { finalizers } } });
    expect(added).toMatchObject({ status: 200, body: { spec: { finalizers: ['kubernetes', 'example.com/hold'] } } });
    await cluster.api.delete(namespaces, { name });
    await cluster.until('the content to be looked at', async () => (await get(name)).spec?.finalizers?.length === 1);
    const made = await cluster.server.send('POST', `/api/v1/namespaces/${name}/configmaps`, {
      body: { metadata: { name: 'late' } },
    });
    expect(made).toMatchObject({ status: 403, body: { details: { causes: [{ reason: 'NamespaceTerminating' }] } } });
    const now = await get(name);
    await cluster.server.send('PUT', path, { body: { ...now, spec: { finalizers: [] } } });
    await gone(name);
  });

  it('is updated: labels and annotations are replaced', async () => {
    const name = await cluster.namespace();
    const before = await get(name);
    const labels = { ...before.metadata.labels, team: 'a' };
    const after = await cluster.api.update(namespaces, { ...before, metadata: { ...before.metadata, labels } });
    expect(after.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': name, team: 'a' });
    await expect(cluster.api.update(namespaces, before)).rejects.toMatchObject({ reason: 'Conflict' });
  });

  it('is patched', async () => {
    const name = await cluster.namespace();
    const body = { metadata: { labels: { team: 'b' } } };
    const patched = await cluster.api.patch(namespaces, { name }, { type: 'strategic', body });
    expect(patched.metadata.labels?.['team']).toBe('b');
    expect((await get(name)).metadata.labels?.['team']).toBe('b');
  });

  it('shows its status, which is patched and replaced without touching the rest', async () => {
    const name = await cluster.namespace();
    const path = `/api/v1/namespaces/${name}/status`;
    expect((await cluster.server.send('GET', path)).body.status.phase).toBe('Active');
    const condition = { type: 'StatusPatch', status: 'True', reason: 'E2E', message: 'patched' };
    const patched = await cluster.server.send('PATCH', path, {
      body: { metadata: { labels: { no: 'way' } }, status: { conditions: [condition] } },
      type: 'application/merge-patch+json',
    });
    expect(patched.body.status.conditions).toMatchObject([condition]);
    const body = { ...patched.body, status: { ...patched.body.status, conditions: [{ ...condition, type: 'Other' }] } };
    const replaced = await cluster.server.send('PUT', path, { body });
    expect(replaced).toMatchObject({ status: 200, body: { status: { conditions: [{ type: 'Other' }] } } });
  });

  it('leaves other namespaces alone', async () => {
    const [doomed, kept] = [await cluster.namespace(), await cluster.namespace()];
    for (const namespace of [doomed, kept])
      await cluster.api.create(configMaps, { metadata: { namespace, name: 'a' } });
    await cluster.api.delete(namespaces, { name: doomed });
    await gone(doomed);
    expect((await cluster.api.list(configMaps, { namespace: kept })).items).toHaveLength(1);
  });
});
