/** Custom resources as owners and as what is owned. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import controllerGc from '@timonel/plugin-controller-gc';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { crdPath, eventually, serveCrd, type Json } from '../support/crds.ts';

let server: TestApiServer;
const path = '/apis/owners.example.com/v1/namespaces/default/crontabs';
const configMaps = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd, controllerGc] });
  await serveCrd(server, { group: 'owners.example.com' });
});
afterAll(async () => {
  await server.stop();
});

async function create(at: string, name: string, owner?: Json): Promise<Json> {
  const metadata = owner?.['metadata'] as Json | undefined;
  const { apiVersion, kind } = owner ?? {};
  const reference = { apiVersion, kind, name: metadata?.['name'], uid: metadata?.['uid'], blockOwnerDeletion: true };
  const body = { metadata: { name, ...(owner && { ownerReferences: [reference] }) } };
  const answer = await server.send('POST', at, { body });
  expect(answer.status).toBe(201);
  return answer.body as Json;
}

const gone = (at: string): Promise<void> =>
  eventually(`${at} is gone`, async () => expect((await server.send('GET', at)).status).toBe(404));

describe('a custom resource', () => {
  it('takes what it owns with it, and goes with its owner', async () => {
    const owner = await create(path, 'a');
    const owned = await create(path, 'b', owner);
    await create(configMaps, 'c', owned);
    await server.send('DELETE', `${path}/a`);
    await gone(`${path}/b`);
    await gone(`${configMaps}/c`);
  });

  it('that is deleted in the foreground waits for what it owns', async () => {
    const owner = await create(path, 'd');
    await create(configMaps, 'e', owner);
    await server.send('PATCH', `${configMaps}/e`, {
      type: 'application/merge-patch+json',
      body: { metadata: { finalizers: ['example.com/wait'] } },
    });
    await server.send('DELETE', `${path}/d`, { body: { propagationPolicy: 'Foreground' } });
    await eventually('what it owns is deleted', async () => {
      expect((await server.send('GET', `${configMaps}/e`)).body.metadata.deletionTimestamp).toBeDefined();
    });
    expect((await server.send('GET', `${path}/d`)).status).toBe(200);
    await server.send('PATCH', `${configMaps}/e`, {
      type: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    });
    await gone(`${path}/d`);
  });

  it('leaves behind nothing that it owned when its definition goes', async () => {
    const owner = await create(path, 'f');
    await create(configMaps, 'g', owner);
    await server.send('DELETE', `${crdPath}/crontabs.owners.example.com`);
    await gone(`${configMaps}/g`);
    await gone(`${crdPath}/crontabs.owners.example.com`);
    // Somebody was slow.
    await create(configMaps, 'h', owner);
    await gone(`${configMaps}/h`);
  });
});
