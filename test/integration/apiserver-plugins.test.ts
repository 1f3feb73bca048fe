import { statSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin } from '@timonel/sdk';
import { apiHooks, routeProvider } from '@timonel/sdk/contracts/api-server';
import { configMaps, services, type Service } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const extra = definePlugin({
  name: 'extra-routes',
  version: '0.1.0',
  apiVersion: 1,
  provides: { routes: routeProvider },
  setup(ctx) {
    ctx.tap(apiHooks.objectMutate, (object, context) => {
      if (context.resource !== 'configmaps' || context.name !== 'mutated') return undefined;
      object.metadata.annotations = { ...object.metadata.annotations, 'extra/was': context.operation };
      return object;
    });
    ctx.tap(apiHooks.objectValidate, (_object, context) => {
      if (context.name !== 'denied') return undefined;
      return [{ field: 'metadata.name', reason: 'FieldValueForbidden', message: 'Forbidden: not today' }];
    });
    const handle = () => Promise.resolve({ kind: 'object' as const, status: 200, object: { hello: 'world' } });
    return { provides: { routes: { routes: () => [{ method: 'GET' as const, path: '/extra/hello', handle }] } } };
  },
});

let server: TestApiServer;
const svc = '/api/v1/namespaces/default/services';
const kernelPath = '/apis/kernel.timonel.dev/v1';

beforeAll(async () => {
  server = await startApiServer({ plugins: [extra] });
});
afterAll(async () => {
  await server.stop();
});

function service(name: string, spec: Partial<Service['spec']> = {}): Service {
  return { metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } };
}

describe('service-allocator', () => {
  it('allocates, keeps and frees cluster IPs', async () => {
    const first = await server.api.create(services, service('first'));
    expect(first.spec).toMatchObject({
      clusterIP: expect.stringMatching(/^10\.96\./),
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    });
    expect(first.spec.clusterIPs).toEqual([first.spec.clusterIP]);
    const { clusterIP = '' } = first.spec;
    const replaced = await server.send('PUT', `${svc}/first`, { body: service('first', { selector: { a: 'b' } }) });
    expect(replaced.body.spec.clusterIP).toBe(clusterIP);
    const taken = await server.send('POST', svc, { body: service('second', { clusterIP }) });
    expect(taken.body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(taken.body.message).toContain(`failed to allocate IP ${clusterIP}: provided IP is already allocated`);
    await server.api.delete(services, { namespace: 'default', name: 'first' });
    await until(
      async () => (await server.send('POST', svc, { body: service('second', { clusterIP }) })).status === 201,
      { what: 'the IP to be free' },
    );
    const outside = await server.send('POST', svc, { body: service('outside', { clusterIP: '192.168.1.1' }) });
    expect(outside.body).toMatchObject({ code: 422 });
  });

  it('keeps the first address for the service kubernetes', async () => {
    const made = await until(() => server.api.get(services, { namespace: 'default', name: 'kubernetes' }), {
      what: 'the service kubernetes',
    });
    expect(made.spec).toMatchObject({ clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] });
  });

  it('leaves headless and external services alone', async () => {
    const headless = await server.api.create(services, service('headless', { clusterIP: 'None' }));
    expect(headless.spec.clusterIP).toBe('None');
    const external = await server.api.create(
      services,
      service('external', { type: 'ExternalName', externalName: 'example.com' }),
    );
    expect(external.spec.clusterIP).toBeUndefined();
  });

  it('gives every concurrent request its own values', async () => {
    const made = await Promise.all(
      Array.from({ length: 40 }, (_none, index) =>
        server.api.create(services, service(`many-${index}`, { type: 'NodePort' })),
      ),
    );
    expect(new Set(made.map(({ spec }) => spec.clusterIP)).size).toBe(40);
    const ports = made.map(({ spec }) => spec.ports?.[0]?.nodePort ?? 0);
    expect(new Set(ports).size).toBe(40);
    expect(ports.every((port) => port >= 30_000 && port <= 32_767)).toBe(true);
    const port = ports[0] ?? 0;
    const clash = await server.send('POST', svc, {
      body: service('clash', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] }),
    });
    expect(clash.body.details.causes[0]).toMatchObject({ field: 'spec.ports[0].nodePort' });
    const type = 'application/merge-patch+json';
    const plain = await server.send('PATCH', `${svc}/many-0`, { type, body: { spec: { type: 'ClusterIP' } } });
    expect(plain.body.spec.ports[0].nodePort).toBeUndefined();
    await until(
      async () =>
        (
          await server.send('POST', `${svc}?dryRun=All`, {
            body: service('clash', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] }),
          })
        ).status === 201,
      { what: 'the port to be free' },
    );
  });
});

describe('admission-namespace', () => {
  it('makes the initial namespaces and protects them', async () => {
    const list = await server.send('GET', '/api/v1/namespaces');
    const names = list.body.items.map((item: { metadata: { name: string } }) => item.metadata.name);
    expect(names).toEqual(expect.arrayContaining(['default', 'kube-node-lease', 'kube-public', 'kube-system']));
    const refused = await server.send('DELETE', '/api/v1/namespaces/kube-system');
    expect(refused.body).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    });
  });

  it('refuses objects in missing and terminating namespaces', async () => {
    const missing = await server.send('POST', '/api/v1/namespaces/nope/configmaps', {
      body: { metadata: { name: 'x' } },
    });
    expect(missing.body).toMatchObject({ code: 404, message: 'namespaces "nope" not found' });
    await server.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'ending' } } });
    expect(
      (await server.send('POST', '/api/v1/namespaces/ending/configmaps', { body: { metadata: { name: 'x' } } })).status,
    ).toBe(201);
    const deleted = await server.send('DELETE', '/api/v1/namespaces/ending');
    expect(deleted.body.status.phase).toBe('Terminating');
    await until(
      async () => {
        const late = await server.send('POST', '/api/v1/namespaces/ending/configmaps', {
          body: { metadata: { generateName: 'y' } },
        });
        return late.status === 403 && late.body.details.causes[0].reason === 'NamespaceTerminating';
      },
      { what: 'creations to be refused' },
    );
  });

  it('is not blamed for its refusals', () => {
    expect(server.kernel.control.info('admission-namespace').faults).toBe(0);
  });
});

describe('hooks and routes of plugins', () => {
  it('change and refuse objects', async () => {
    const made = await server.api.create(configMaps, { metadata: { name: 'mutated', namespace: 'default' } });
    expect(made.metadata.annotations).toEqual({ 'extra/was': 'CREATE' });
    const creating = server.api.create(configMaps, { metadata: { name: 'denied', namespace: 'default' } });
    await expect(creating).rejects.toMatchObject({
      reason: 'Invalid',
      message: 'ConfigMap "denied" is invalid: metadata.name: Forbidden: not today',
    });
  });

  it('come and go with their plugin', async () => {
    expect((await server.send('GET', '/extra/hello')).body).toEqual({ hello: 'world' });
    await server.kernel.control.disable('extra-routes');
    expect((await server.send('GET', '/extra/hello')).status).toBe(404);
    const made = await server.api.create(configMaps, { metadata: { name: 'denied', namespace: 'default' } });
    expect(made.metadata.name).toBe('denied');
    expect((await server.send('POST', `${kernelPath}/plugins/extra-routes/enable`)).body).toMatchObject({
      state: 'running',
    });
    expect((await server.send('GET', '/extra/hello')).status).toBe(200);
  });
});

describe('api-kernel', () => {
  it('lists plugins and names the nearest for an unknown one', async () => {
    const list = await server.send('GET', `${kernelPath}/plugins`);
    expect(list.body.items.map(({ name }: { name: string }) => name)).toContain('apiserver');
    const unknown = await server.send('GET', `${kernelPath}/plugins/apisrver`);
    expect(unknown.body).toMatchObject({ code: 404, details: { causes: [{ reason: 'ERR_PLUGIN_UNKNOWN' }] } });
    expect(unknown.body.message).toContain("did you mean 'apiserver'");
  });

  it('tells and refuses to change providers', async () => {
    expect((await server.send('GET', `${kernelPath}/services/store`)).body).toMatchObject({ provider: 'store-memory' });
    expect((await server.send('GET', `${kernelPath}/services/nosuch`)).body).toMatchObject({ code: 404 });
    const swap = await server.send('PUT', `${kernelPath}/services/store`, { body: { provider: 'nosuch' } });
    expect(swap.body.kind).toBe('Status');
    expect(swap.status).toBeGreaterThanOrEqual(400);
    expect(swap.status).toBeLessThan(500);
    expect((await server.send('POST', `${kernelPath}/plugins/store-memory/disable`)).body).toMatchObject({
      code: 409,
      details: { causes: [{ reason: 'ERR_PLUGIN_IN_USE' }] },
    });
    expect((await server.send('POST', `${kernelPath}/plugins`, { body: { nme: 'x' } })).body).toMatchObject({
      code: 400,
    });
    expect((await server.send('GET', `${kernelPath}/images`)).body).toMatchObject({ code: 503 });
  });
});

describe('auth-token', () => {
  it('keeps the token to its owner', () => {
    const file = join(server.kernel.dataDir, 'auth-token', 'admin.token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').trim()).toBe(server.token);
  });
});
