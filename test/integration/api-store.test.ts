/** The store over the API: on a store without members, and on a replicated one. */
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiEndpoint, routeProvider } from '@timonel/sdk/contracts/api-server';
import { decodeSnapshot, store } from '@timonel/sdk/contracts/store';
import { configMaps } from '@timonel/sdk/kube';
import { pluginSuite } from '@timonel/testkit';
import apiStore from '@timonel/plugin-api-store';
import storeMemory from '@timonel/plugin-store-memory';
import storeRaft from '@timonel/plugin-store-raft';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const base = '/apis/store.timonel.dev/v1';
const stranger = 'token-of-somebody-else';
const config = { 'auth-token': { tokens: [{ token: stranger, username: 'eve', groups: ['developers'] }] } };

function download(server: TestApiServer): Promise<Buffer> {
  const ca = server.kernel.service(apiEndpoint).caCertificate();
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${server.token}` };
    const call = request(new URL(`${base}/snapshot`, server.url), { ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end();
  });
}

pluginSuite('api-store', () => ({
  entry: { definition: apiStore, source: 'built-in' },
  dependencies: [{ definition: { ...storeMemory, criticality: 'optional' }, source: 'built-in' }],
  load: (kernel) => {
    const routes = kernel
      .service(routeProvider)
      .all()
      .flatMap(({ service }) => service.routes());
    expect(routes.map(({ method, path }) => `${method} ${path}`)).toContain(`GET ${base}/snapshot`);
    return Promise.resolve();
  },
}));

describe.each([
  { name: 'store-memory', plugins: [apiStore], without: [] },
  { name: 'store-raft', plugins: [storeRaft, apiStore], without: ['store-memory'] },
])('api-store on $name', ({ name, plugins, without }) => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer({ plugins, without, config });
    for (let at = 0; at < 5; at++) {
      await server.api.create(configMaps, { metadata: { name: `c${at}`, namespace: 'default' } });
    }
  });
  afterAll(async () => {
    await server.stop();
  });

  it('tells its state', async () => {
    const { revision } = await server.kernel.service(store).status();
    const { status, body } = await server.send('GET', `${base}/status`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'StoreStatus',
      apiVersion: 'store.timonel.dev/v1',
      implementation: name,
      revision,
    });
  });

  it('gives a snapshot', async () => {
    const content = decodeSnapshot(await download(server));
    const { kvs, revision } = await server.kernel.service(store).range({ prefix: '' });
    expect(content).toMatchObject({ revision });
    expect(content.kvs.map(({ key }) => key)).toEqual(kvs.map(({ key }) => key));
  });

  it('compacts', async () => {
    const { revision, compactedRevision } = await server.kernel.service(store).status();
    expect(compactedRevision).toBeLessThan(revision - 1);
    const some = await server.send('POST', `${base}/compact`, { body: { revision: revision - 1 } });
    expect(some).toMatchObject({ status: 200, body: { revision: revision - 1 } });
    expect(await server.send('POST', `${base}/compact`)).toMatchObject({ status: 200 });
    expect((await server.kernel.service(store).status()).compactedRevision).toBeGreaterThanOrEqual(revision);
    const future = await server.send('POST', `${base}/compact`, { body: { revision: revision + 1000 } });
    expect(future).toMatchObject({
      status: 400,
      body: { reason: 'BadRequest', message: expect.stringContaining('future') },
    });
    for (const body of [{ revision: 0 }, { revision: 'x' }, { revisions: 1 }, { revision: 1.5 }]) {
      expect(await server.send('POST', `${base}/compact`, { body })).toMatchObject({ status: 400 });
    }
  });

  it('is for administrators only', async () => {
    for (const [method, path] of [
      ['GET', 'status'],
      ['GET', 'snapshot'],
      ['GET', 'members'],
      ['POST', 'compact'],
      ['POST', 'check'],
      ['POST', 'leader'],
      ['DELETE', 'members/x'],
    ] as const) {
      const theirs = await server.send(method, `${base}/${path}`, { token: stranger });
      expect([path, theirs]).toMatchObject([path, { status: 403, body: { reason: 'Forbidden' } }]);
      expect(theirs.body.message).toContain('User "eve"');
      expect(await server.send(method, `${base}/${path}`, { token: null })).toMatchObject({ status: 401 });
    }
  });

  if (name === 'store-memory') {
    it('has no members', async () => {
      for (const [method, path] of [
        ['GET', 'members'],
        ['DELETE', 'members/x'],
        ['POST', 'leader'],
        ['POST', 'check'],
      ] as const) {
        const { status, body } = await server.send(method, `${base}/${path}`);
        expect([path, status, body.message]).toEqual([path, 405, expect.stringContaining('store-memory')]);
      }
    });
    return;
  }

  it('shows its member', async () => {
    const { status, body } = await server.send('GET', `${base}/members`);
    expect(status).toBe(200);
    const { memberId } = await server.kernel.service(store).status();
    expect(body).toMatchObject({
      kind: 'MemberList',
      items: [{ id: memberId, leader: true, self: true, learner: false, matchIndex: expect.any(Number) }],
    });
  });

  it('is checked', async () => {
    const { status, body } = await server.send('POST', `${base}/check`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ kind: 'StoreCheck', healthy: true, members: [{ problems: [] }] });
    expect(body.members[0].hash.keys).toBeGreaterThan(5);
  });

  it('refuses what a group of one cannot do, and says why', async () => {
    const { memberId } = await server.kernel.service(store).status();
    const body = { id: 'b', name: 'b', peerUrl: '127.0.0.1:1' };
    const added = await server.send('POST', `${base}/members`, { body });
    expect(added).toMatchObject({ status: 409, body: { message: expect.stringContaining('timonel server') } });
    const removed = await server.send('DELETE', `${base}/members/${memberId}`);
    expect(removed).toMatchObject({ status: 409, body: { message: 'no voter would be left' } });
    const moved = await server.send('POST', `${base}/leader`);
    expect(moved).toMatchObject({ status: 409, body: { message: 'no other voter answers' } });
    for (const [method, path] of [
      ['POST', 'members/nobody/promote'],
      ['DELETE', 'members/nobody'],
      ['DELETE', 'members/%2e%2e%2fx'],
    ] as const) {
      expect([path, await server.send(method, `${base}/${path}`)]).toMatchObject([path, { status: 404 }]);
    }
    const leader = await server.send('POST', `${base}/leader`, { body: { memberId: 'nobody' } });
    expect(leader).toMatchObject({ status: 404 });
  });
});
