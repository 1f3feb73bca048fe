/** Kinds that CustomResourceDefinitions describe, over the wire. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import controllerCrd from '@timonel/plugin-controller-crd';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { crdOf, crdPath, established, eventually, serveCrd, versionOf } from '../support/crds.ts';

let server: TestApiServer;
const path = '/apis/stable.example.com/v1/namespaces/default/crontabs';
const merge = 'application/merge-patch+json';

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd] });
});
afterAll(async () => {
  await server.stop();
});

describe('a kind that a definition describes', () => {
  it('is served once its names are accepted, and goes with the definition and all objects', async () => {
    expect((await server.send('GET', path)).status).toBe(404);
    await serveCrd(server, { names: { shortNames: ['ct'], categories: ['all'] } });
    const crd = await established(server, 'crontabs.stable.example.com');
    expect(crd).toMatchObject({
      status: {
        acceptedNames: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', listKind: 'CronTabList' },
        storedVersions: ['v1'],
        conditions: [
          { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts' },
          { type: 'Established', status: 'True', reason: 'InitialNamesAccepted' },
        ],
      },
    });
    const created = await server.send('POST', path, { body: { metadata: { name: 'a' }, spec: { replicas: 1 } } });
    expect(created).toMatchObject({
      status: 201,
      body: {
        apiVersion: 'stable.example.com/v1',
        kind: 'CronTab',
        metadata: { generation: 1 },
        spec: { replicas: 1 },
      },
    });
    const watch = server.watch(`${path}?watch=1&resourceVersion=0`);
    const deleted = await server.send('DELETE', `${crdPath}/crontabs.stable.example.com`);
    expect(deleted.body).toMatchObject({ metadata: { finalizers: ['customresourcecleanup.apiextensions.k8s.io'] } });
    await eventually('the definition is gone', async () => {
      expect((await server.send('GET', `${crdPath}/crontabs.stable.example.com`)).status).toBe(404);
    });
    expect((await server.send('GET', path)).status).toBe(404);
    await watch.ended;
    expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED']);
    await serveCrd(server, { names: { shortNames: ['ct'], categories: ['all'] } });
    expect((await server.send('GET', path)).body).toMatchObject({ kind: 'CronTabList', items: [] });
  });

  it('is listed by labels, watched, patched, replaced, deleted as a collection', async () => {
    const watch = server.watch(`${path}?watch=1&labelSelector=tier%3Dweb`);
    for (const [name, tier] of [
      ['b', 'web'],
      ['c', 'db'],
    ]) {
      await server.send('POST', path, { body: { metadata: { name, labels: { tier } }, spec: { n: 1 } } });
    }
    const list = await server.send('GET', `${path}?labelSelector=tier%3Dweb`);
    expect(list.body.items).toMatchObject([{ metadata: { name: 'b' } }]);
    const patched = await server.send('PATCH', `${path}/b`, { type: merge, body: { spec: { n: 2 } } });
    expect(patched.body).toMatchObject({ metadata: { generation: 2 }, spec: { n: 2 } });
    const { body } = patched;
    const same = await server.send('PUT', `${path}/b`, { body });
    expect(same.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
    const json = [{ op: 'replace', path: '/spec/n', value: 3 }];
    const third = await server.send('PATCH', `${path}/b`, { type: 'application/json-patch+json', body: json });
    expect(third.body.spec).toEqual({ n: 3 });
    expect((await server.send('DELETE', `${path}?labelSelector=tier%3Dweb`)).status).toBe(200);
    await eventually('three events', () => expect(watch.events).toHaveLength(4));
    watch.stop();
    expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED']);
    expect((await server.send('GET', path)).body.items).toMatchObject([{ metadata: { name: 'c' } }]);
  });

  it('takes server-side apply, but neither strategic merge patches nor protobuf', async () => {
    const body = { apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name: 'd' }, spec: { n: 1 } };
    const apply = { type: 'application/apply-patch+yaml', body };
    const applied = await server.send('PATCH', `${path}/d?fieldManager=me`, apply);
    expect(applied).toMatchObject({ status: 201, body: { metadata: { managedFields: [{ manager: 'me' }] } } });
    const conflict = { ...body, spec: { n: 2 } };
    expect((await server.send('PATCH', `${path}/d?fieldManager=you`, { ...apply, body: conflict })).status).toBe(409);
    const strategic = await server.send('PATCH', `${path}/d`, {
      type: 'application/strategic-merge-patch+json',
      body: {},
    });
    expect(strategic.body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
    const protobuf = await server.send('POST', path, { type: 'application/vnd.kubernetes.protobuf', body: {} });
    expect(protobuf.status).toBe(415);
    const wanted = await server.send('GET', `${path}/d`, {
      headers: { accept: 'application/vnd.kubernetes.protobuf' },
    });
    expect(wanted.status).toBe(406);
  });

  it('is in discovery and in both forms of OpenAPI', async () => {
    const resources = await server.send('GET', '/apis/stable.example.com/v1');
    expect(resources.body.resources).toMatchObject([
      { name: 'crontabs', singularName: 'crontab', kind: 'CronTab', shortNames: ['ct'], categories: ['all'] },
    ]);
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const aggregated = await server.send('GET', '/apis', { headers: { accept } });
    const group = (aggregated.body.items as { metadata: { name: string } }[]).find(
      ({ metadata }) => metadata.name === 'stable.example.com',
    );
    expect(group).toMatchObject({ versions: [{ version: 'v1', resources: [{ resource: 'crontabs' }] }] });
    const v3 = await server.send('GET', '/openapi/v3/apis/stable.example.com/v1');
    expect(v3.body.components.schemas['com.example.stable.v1.CronTab']).toMatchObject({
      type: 'object',
      properties: { spec: { 'x-kubernetes-preserve-unknown-fields': true } },
      'x-kubernetes-group-version-kind': [{ group: 'stable.example.com', version: 'v1', kind: 'CronTab' }],
    });
    const v2 = await server.send('GET', '/openapi/v2');
    expect(v2.body.definitions).toHaveProperty(['com.example.stable.v1.CronTab']);
  });

  it('does not take names that another of its group has, until they are free', async () => {
    const second = crdOf({ plural: 'others', kind: 'CronTab' });
    await server.send('POST', crdPath, { body: second });
    const conditions = await eventually('the conflict is told', async () => {
      const { body } = await server.send('GET', `${crdPath}/others.stable.example.com`);
      expect(body.status.conditions).toHaveLength(2);
      return body.status.conditions as unknown;
    });
    expect(conditions).toMatchObject([
      { type: 'NamesAccepted', status: 'False', reason: 'ListKindConflict' },
      { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' },
    ]);
    expect((await server.send('GET', '/apis/stable.example.com/v1/namespaces/default/others')).status).toBe(404);
    await server.send('DELETE', `${crdPath}/crontabs.stable.example.com`);
    await established(server, 'others.stable.example.com');
    expect((await server.send('GET', '/apis/stable.example.com/v1/namespaces/default/others')).status).toBe(200);
  });

  it('takes no new objects while it goes, and waits for finalizers', async () => {
    await serveCrd(server, { group: 'going.example.com', versions: [versionOf('v1', {})] });
    const going = '/apis/going.example.com/v1/namespaces/default/crontabs';
    await server.send('POST', going, { body: { metadata: { name: 'a', finalizers: ['example.com/wait'] } } });
    await server.send('DELETE', `${crdPath}/crontabs.going.example.com`);
    await eventually('the object is being deleted', async () => {
      const { body } = await server.send('GET', `${going}/a`);
      expect(body.metadata.deletionTimestamp).toBeDefined();
    });
    expect((await server.send('POST', going, { body: { metadata: { name: 'b' } } })).status).toBe(405);
    const { body } = await server.send('GET', `${crdPath}/crontabs.going.example.com`);
    expect(body.status.conditions).toContainEqual(expect.objectContaining({ type: 'Terminating', status: 'True' }));
    await server.send('PATCH', `${going}/a`, { type: merge, body: { metadata: { finalizers: null } } });
    await eventually('the definition is gone', async () => {
      expect((await server.send('GET', `${crdPath}/crontabs.going.example.com`)).status).toBe(404);
    });
  });

  it('is served by every server of a cluster', async () => {
    const store = new MemoryStore(createRealEnv());
    const one = await startApiServer({ store, plugins: [controllerCrd] });
    const other = await startApiServer({ store });
    try {
      await serveCrd(one, { group: 'both.example.com' });
      await established(other, 'crontabs.both.example.com');
      const both = '/apis/both.example.com/v1/namespaces/default/crontabs';
      expect((await other.send('POST', both, { body: { metadata: { name: 'a' } } })).status).toBe(201);
      expect((await one.send('GET', `${both}/a`)).status).toBe(200);
      const late = await startApiServer({ store });
      expect((await late.send('GET', `${both}/a`)).status).toBe(200);
      await late.stop();
      await one.send('DELETE', `${crdPath}/crontabs.both.example.com`);
      await eventually('it is gone everywhere', async () => expect((await other.send('GET', both)).status).toBe(404));
    } finally {
      await other.stop();
      await one.stop();
      store.close();
    }
  });
});
