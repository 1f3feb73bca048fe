/** A plugin from outside whose hooks refuse everything: what it must not stop. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { definePlugin, type PluginInfo } from '@timonel/sdk';
import { objectAdmission } from '@timonel/sdk/contracts/admission';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, routeProvider } from '@timonel/sdk/contracts/api-server';
import { ApiError, configMaps, type ConfigMap } from '@timonel/sdk/kube';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

const name = 'refuse-all';
const forbidden = {
  field: 'metadata',
  reason: 'FieldValueForbidden',
  message: 'Forbidden: nothing may be written',
} as const;

/** Refuses by hooks and by the service of admission, and writes a ConfigMap itself when it is told to. */
const refuseAll = definePlugin({
  name,
  version: '1.0.0',
  apiVersion: 1,
  provides: { routes: routeProvider, admission: objectAdmission },
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    ctx.tap(apiHooks.objectMutate, (object) => {
      object.metadata.labels = { ...object.metadata.labels, seen: 'yes' };
      return object;
    });
    ctx.tap(apiHooks.objectValidate, () => [forbidden]);
    ctx.tap(apiHooks.objectCharge, () => [forbidden], { onError: 'skip' });
    const refusal = new ApiError('Forbidden', 'nothing may be written').status;
    const written = async (): Promise<ConfigMap> => {
      const metadata = { name: 'own', namespace: 'default' };
      const applied: ConfigMap = { metadata, data: { c: 'd' } };
      await api.create(configMaps, { metadata });
      await api.patch(configMaps, metadata, { type: 'merge', body: { data: { a: 'b' } } });
      await api.patch(configMaps, metadata, { type: 'apply', body: applied });
      return api.delete(configMaps, metadata);
    };
    const handle = async () => ({ kind: 'object' as const, status: 200, object: await written() });
    return {
      provides: {
        routes: { routes: () => [{ method: 'POST' as const, path: '/own/write', handle }] },
        admission: {
          concerns: () => true,
          mutate: (object) => Promise.resolve({ ok: true, object }),
          validate: () => Promise.resolve(refusal),
        },
      },
    };
  },
});

const lease = { spec: { holderIdentity: 'n1', leaseDurationSeconds: 40 } };
const leasesOf = (namespace: string): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;

let server: TestApiServer;
const post = (path: string, body: unknown): Promise<Answer> => server.send('POST', path, { body });

beforeEach(async () => {
  server = await startApiServer({ available: [{ definition: refuseAll, source: '/plugins/refuse-all.ts' }] });
  await server.kernel.control.enable(name);
});
afterEach(async () => {
  await server.stop();
});

describe('a plugin that refuses everything', () => {
  it('does not stop its own client, and does not change what that writes', async () => {
    const refused = await post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'other' } });
    expect(refused).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('nothing may be written') },
    });
    const own = await post('/own/write', {});
    expect(own).toMatchObject({ status: 200, body: { data: { a: 'b', c: 'd' } } });
    expect(own.body.metadata.labels).toBeUndefined();
    await expect(
      server.api.create(configMaps, { metadata: { name: 'other', namespace: 'default' } }),
    ).rejects.toMatchObject({ reason: 'Invalid' });
  });

  it('does not stop the leases of nodes and leaders, nor questions who somebody is', async () => {
    await server.kernel.control.disable(name);
    for (const namespace of ['kube-node-lease', 'kube-system', 'default'])
      expect((await post(leasesOf(namespace), { metadata: { name: 'n1' }, ...lease })).status).toBe(201);
    await server.kernel.control.enable(name);
    const type = 'application/merge-patch+json';
    const renew = (namespace: string): Promise<Answer> =>
      server.send('PATCH', `${leasesOf(namespace)}/n1`, { type, body: { spec: { leaseDurationSeconds: 50 } } });
    expect((await renew('default')).status).toBe(422);
    const review = { spec: { user: 'me', resourceAttributes: { verb: 'get', resource: 'pods' } } };
    expect((await post('/apis/authorization.k8s.io/v1/subjectaccessreviews', review)).status).toBe(201);
    expect((await post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'x' } })).status).toBe(201);
    for (const namespace of ['kube-node-lease', 'kube-system'])
      expect(await renew(namespace)).toMatchObject({ status: 200, body: { spec: { leaseDurationSeconds: 50 } } });
  });

  it('can be disabled, and says what it did', async () => {
    expect((await post('/api/v1/namespaces', { metadata: { name: 'other' } })).status).toBe(422);
    const kernelPath = '/apis/kernel.timonel.dev/v1/plugins/refuse-all';
    const info = (await server.send('GET', kernelPath)).body as PluginInfo;
    expect(info.breaker).toEqual({ state: 'closed', faults: 0, limit: 10, windowMs: 60_000 });
    expect(info.taps).toMatchObject([
      { hook: 'api.object.mutate', onError: 'fail', calls: 1, refusals: 0 },
      { hook: 'api.object.validate', onError: 'fail', calls: 1, refusals: 1 },
      { hook: 'api.object.charge', onError: 'skip', calls: 0 },
    ]);
    expect(info.taps[1]?.p99Us).toBeGreaterThanOrEqual(info.taps[1]?.p50Us ?? Number.NaN);
    expect((await post(`${kernelPath}/disable`, {})).body).toMatchObject({ state: 'disabled' });
    expect((await post('/api/v1/namespaces', { metadata: { name: 'other' } })).status).toBe(201);
  });
});
