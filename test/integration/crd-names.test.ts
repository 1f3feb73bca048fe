/** Definitions of what others serve, and of what is not served. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import lighthouses from '../../examples/plugins/kind-lighthouses.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { crdOf, crdPath, eventually, serveCrd, versionOf } from '../support/crds.ts';

let server: TestApiServer;

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd], available: [lighthouses] });
});
afterAll(async () => {
  await server.stop();
});

const gone = (at: string): Promise<void> =>
  eventually(`${at} is gone`, async () => expect((await server.send('GET', at)).status).toBe(404));

describe('a definition', () => {
  it('of a built-in resource is refused, in whatever version', async () => {
    const named = [
      ['rbac.authorization.k8s.io', 'clusterroles', 'ClusterRole'],
      ['events.k8s.io', 'events', 'Event'],
      ['apiextensions.k8s.io', 'customresourcedefinitions', 'CustomResourceDefinition'],
    ] as const;
    for (const [group, plural, kind] of named) {
      const annotations = { 'api-approved.kubernetes.io': 'https://example.com' };
      const body = crdOf({ group, plural, kind, scope: 'Cluster', annotations, versions: [versionOf('v9', {})] });
      expect((await server.send('POST', crdPath, { body })).body).toMatchObject({
        code: 422,
        message: expect.stringContaining(`"${plural}": is a resource of ${group} already`) as unknown,
      });
    }
  });

  it('has no part in the objects of a plugin that serves the same resource later', async () => {
    await serveCrd(server, {
      group: 'coast.example.com',
      plural: 'lighthouses',
      kind: 'Lamp',
      version: { name: 'v2' },
    });
    const [v1, v2] = ['v1', 'v2'].map((version) => `/apis/coast.example.com/${version}/namespaces/default/lighthouses`);
    expect((await server.send('GET', v2 ?? '')).status).toBe(200);
    await server.kernel.control.enable('kind-lighthouses');
    const body = { metadata: { name: 'a' }, spec: { range: 20 } };
    expect((await server.send('POST', v1 ?? '', { body })).status).toBe(201);
    expect((await server.send('GET', v2 ?? '')).status).toBe(404);
    await server.send('DELETE', `${crdPath}/lighthouses.coast.example.com`);
    await gone(`${crdPath}/lighthouses.coast.example.com`);
    expect((await server.send('GET', `${v1}/a`)).status).toBe(200);
  });

  it('whose versions are not served takes its objects with it all the same', async () => {
    const input = { group: 'hidden.example.com', versions: [versionOf('v1', {})] };
    const path = '/apis/hidden.example.com/v1/namespaces/default/crontabs';
    const at = `${crdPath}/crontabs.hidden.example.com`;
    await serveCrd(server, input);
    expect((await server.send('POST', path, { body: { metadata: { name: 'a' } } })).status).toBe(201);
    const body = { spec: { versions: [versionOf('v1', {}, { served: false })] } };
    const hidden = await server.send('PATCH', at, { type: 'application/merge-patch+json', body });
    expect(hidden.status).toBe(200);
    expect((await server.send('GET', path)).status).toBe(404);
    await server.send('DELETE', at);
    await gone(at);
    await serveCrd(server, input);
    expect((await server.send('GET', path)).body.items).toEqual([]);
  });
});
