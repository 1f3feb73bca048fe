/** Kinds that show the objects of another kind: two versions of autoscalers, two groups of events. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { coreEvents, defineResource, type KubeObject } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const v1 = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
const v2 = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
const core = '/api/v1/namespaces/default/events';
const newer = '/apis/events.k8s.io/v1/namespaces/default/events';
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const cpu = (averageUtilization: number): object => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const memory = {
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 70 } },
};

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.stop();
});

describe('an autoscaler in two versions', () => {
  it('is one object', async () => {
    const spec = { maxReplicas: 5, targetCPUUtilizationPercentage: 60, scaleTargetRef };
    const created = await server.send('POST', v1, { body: { metadata: { name: 'web' }, spec } });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { ...spec, minReplicas: 1 } });
    const other = await server.send('GET', `${v2}/web`);
    expect(other.body).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { maxReplicas: 5, metrics: [cpu(60)] } });
    expect(other.body.metadata.uid).toBe(created.body.metadata.uid);
    expect(other.body.metadata.resourceVersion).toBe(created.body.metadata.resourceVersion);
    expect((await server.send('POST', v2, { body: other.body })).body).toMatchObject({ reason: 'AlreadyExists' });
  });

  it('keeps what version 1 has no field for', async () => {
    const type = 'application/merge-patch+json';
    const metrics = [cpu(60), memory];
    await server.send('PATCH', `${v2}/web`, { type, body: { spec: { metrics, behavior: { scaleDown: {} } } } });
    const shown = await server.send('GET', `${v1}/web`);
    expect(Object.keys(shown.body.metadata.annotations as object)).toHaveLength(2);
    const patched = await server.send('PATCH', `${v1}/web`, {
      type,
      body: { spec: { targetCPUUtilizationPercentage: 50 } },
    });
    expect(patched.status).toBe(200);
    const { body } = await server.send('GET', `${v2}/web`);
    expect(body.spec).toMatchObject({ metrics: [cpu(50), memory], behavior: { scaleDown: { selectPolicy: 'Max' } } });
    expect(body.metadata.annotations).toBeUndefined();
  });

  it('does not change by a replacement with what it was', async () => {
    for (const path of [v1, v2]) {
      const { body } = await server.send('GET', `${path}/web`);
      const same = await server.send('PUT', `${path}/web`, { body });
      expect(same.status).toBe(200);
      expect(same.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
    }
  });

  it('refuses a stale write and a body of the other version', async () => {
    const { body } = await server.send('GET', `${v1}/web`);
    const stale = { ...body, metadata: { ...body.metadata, resourceVersion: '1' } };
    expect((await server.send('PUT', `${v1}/web`, { body: stale })).body).toMatchObject({ reason: 'Conflict' });
    const mixed = await server.send('PUT', `${v1}/web`, { body: { ...body, apiVersion: 'autoscaling/v2' } });
    expect(mixed.body).toMatchObject({ code: 400, message: expect.stringContaining('does not match') as unknown });
    const strict = await server.send('POST', `${v1}?fieldValidation=Strict`, {
      body: { metadata: { name: 'x' }, spec: { maxReplicas: 1, metrics: [], scaleTargetRef } },
    });
    expect(strict.body.message).toContain('unknown field "spec.metrics"');
  });

  it('takes server-side apply in the version that is applied', async () => {
    const body = {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'applied' },
      spec: { maxReplicas: 4, targetCPUUtilizationPercentage: 30, scaleTargetRef },
    };
    const type = 'application/apply-patch+yaml';
    const applied = await server.send('PATCH', `${v1}/applied?fieldManager=me`, { type, body });
    expect(applied.status).toBe(201);
    expect(applied.body).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 30 } });
    expect((await server.send('GET', `${v2}/applied`)).body.spec.metrics).toEqual([cpu(30)]);
    const again = await server.send('PATCH', `${v1}/applied?fieldManager=me`, { type, body });
    expect(again.body.metadata.resourceVersion).toBe(applied.body.metadata.resourceVersion);
  });
});

describe('an event in two groups', () => {
  it('is one object under two sets of names', async () => {
    const event = {
      metadata: { name: 'one' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
      note: 'It runs.',
      reason: 'Started',
      reportingController: 'example.com/c',
      reportingInstance: 'c-1',
      action: 'Start',
      type: 'Normal',
    };
    expect((await server.send('POST', newer, { body: event })).status).toBe(201);
    const { body } = await server.send('GET', `${core}/one`);
    expect(body).toMatchObject({
      apiVersion: 'v1',
      involvedObject: event.regarding,
      message: 'It runs.',
      reportingComponent: 'example.com/c',
    });
    expect(body.note).toBeUndefined();
    const listed = await server.send('GET', '/apis/events.k8s.io/v1/events?fieldSelector=regarding.name=p');
    expect(listed.body).toMatchObject({ kind: 'EventList', apiVersion: 'events.k8s.io/v1' });
    expect(listed.body.items).toHaveLength(1);
    expect(listed.body.items[0]).toMatchObject({ note: 'It runs.', regarding: event.regarding });
    const other = await server.send('GET', '/apis/events.k8s.io/v1/events?fieldSelector=involvedObject.name=p');
    expect(other.body).toMatchObject({ code: 400 });
  });

  it('is watched in the shape that was asked for', async () => {
    const watch = server.watch('/apis/events.k8s.io/v1/events?watch=1&fieldSelector=reason=Seen&resourceVersion=0');
    try {
      const involvedObject = { kind: 'Pod', namespace: 'default', name: 'q' };
      await server.api.create(coreEvents, {
        metadata: { name: 'two', namespace: 'default' },
        involvedObject,
        reason: 'Seen',
        message: 'first',
        count: 1,
      });
      const type = 'application/merge-patch+json';
      await server.send('PATCH', `${core}/two`, { type, body: { count: 2 } });
      await server.send('DELETE', `${newer}/two`);
      await until(() => watch.events.length === 3, { what: 'three events', timeoutMs: 10_000 });
      expect(watch.events.map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
      for (const { object } of watch.events) {
        expect(object).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'first', regarding: involvedObject });
        expect(object.message).toBeUndefined();
      }
      expect(watch.events.map(({ object }) => object.deprecatedCount as unknown)).toEqual([1, 2, 2]);
    } finally {
      watch.stop();
    }
  });

  it('comes to clients in the process in either shape', async () => {
    const type = defineResource<KubeObject & { note?: string }>({
      group: 'events.k8s.io',
      version: 'v1',
      resource: 'events',
      kind: 'Event',
      namespaced: true,
    });
    const event = await server.api.get(type, { namespace: 'default', name: 'one' });
    expect(event).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'It runs.' });
    expect(Object.isFrozen(event)).toBe(true);
    const changed = await server.api.patch(
      type,
      { namespace: 'default', name: 'one' },
      { type: 'merge', body: { note: 'It ran.' } },
    );
    expect(changed.note).toBe('It ran.');
    expect(await server.api.get(coreEvents, { namespace: 'default', name: 'one' })).toMatchObject({
      message: 'It ran.',
    });
  });
});
