/** Service addresses and node ports among three API servers on one store: no value is given twice, none is lost. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { services, type Service } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { UnsteadyStore } from '../support/unsteady-store.ts';

const svc = '/api/v1/namespaces/default/services';
const allocations = '/timonel/allocations/';
const graceMs = 500;

let shared: MemoryStore;
const stores: UnsteadyStore[] = [];
const servers: TestApiServer[] = [];
let sequence = 0;

const at = (index: number): TestApiServer => {
  const server = servers[index % servers.length];
  if (server === undefined) throw new Error('no server');
  return server;
};
const fresh = (): string => `s${(sequence += 1)}`;

beforeAll(async () => {
  shared = new MemoryStore(createRealEnv());
  for (let index = 0; index < 3; index += 1) {
    const store = new UnsteadyStore(shared);
    stores.push(store);
    const allocator = {
      clusterIpRange: '10.7.0.0/25',
      nodePorts: { first: 30_000, last: 30_124 },
      repair: { periodMs: 100, graceMs },
    };
    servers.push(
      await startApiServer({
        store,
        config: { 'service-allocator': allocator },
        apiserver: { timing: { freshnessTimeoutMs: 300 } },
      }),
    );
  }
});
afterEach(async () => {
  for (const store of stores) {
    store.outage = 'none';
    store.resumeWatches();
  }
  const { items } = await at(0).api.list(services, { namespace: 'default' });
  for (const { metadata } of items) {
    if (metadata.name === 'kubernetes') continue;
    await at(0).api.delete(services, { namespace: 'default', name: metadata.name ?? '' });
  }
  await until(async () => (await claims()).length === 1, { what: 'all claims but one to go' });
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  shared.close();
});

function create(index: number, name: string, spec: Partial<Service['spec']> = {}, query = ''): Promise<Answer> {
  const body = { metadata: { name }, spec: { type: 'NodePort', ports: [{ port: 80 }], ...spec } };
  return at(index).send('POST', svc + query, { body });
}

async function claims(): Promise<string[]> {
  const { kvs } = await shared.range({ prefix: allocations });
  return kvs.map(({ key }) => key.slice(allocations.length));
}

async function freeAddress(): Promise<string> {
  const taken = await claims();
  const addresses = Array.from({ length: 100 }, (_, index) => `10.7.0.${index + 2}`);
  return addresses.find((address) => !taken.includes(`addresses/${address}`)) ?? '';
}

function expectAllDifferent(answers: readonly Answer[]): void {
  const specs = answers.map(({ body }) => (body as Service).spec);
  expect(new Set(specs.map(({ clusterIP }) => clusterIP)).size).toBe(answers.length);
  expect(new Set(specs.map(({ ports }) => ports?.[0]?.nodePort)).size).toBe(answers.length);
}

describe('several servers', () => {
  it('give services that are made at the same time their own values', async () => {
    const answers = await Promise.all(Array.from({ length: 90 }, (_, index) => create(index, fresh())));
    expect(answers.map(({ status }) => status).filter((status) => status !== 201)).toEqual([]);
    expectAllDifferent(answers);
  }, 60_000);

  it('do so while one of them does not see what the others do', async () => {
    stores[1]?.stallWatches();
    const answers: Answer[] = [];
    for (let round = 0; round < 30; round += 1) {
      // Most of the range is given away where the second cannot see it.
      answers.push(...(await Promise.all([create(0, fresh()), create(1, fresh()), create(2, fresh())])));
    }
    expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
    expectAllDifferent(answers);
  }, 60_000);

  it('let one of several requests for the same value have it, and refuse the others as ever', async () => {
    stores[2]?.stallWatches();
    for (let round = 0; round < 10; round += 1) {
      const clusterIP = await freeAddress();
      const byAddress = await Promise.all([0, 1, 2].map((index) => create(index, fresh(), { clusterIP })));
      const refused = byAddress.filter(({ status }) => status === 422);
      expect([refused.length, byAddress.filter(({ status }) => status === 201).length]).toEqual([2, 1]);
      for (const { body } of refused) {
        const text = `failed to allocate IP ${clusterIP}: provided IP is already allocated`;
        expect(body.message).toContain(text);
        expect(body.details.causes).toEqual([
          { field: 'spec.clusterIPs', reason: 'FieldValueInvalid', message: expect.stringContaining(text) },
        ]);
      }
      const ports = [{ port: 80, nodePort: 31_000 + round }];
      const byPort = await Promise.all([0, 1, 2].map((index) => create(index, fresh(), { ports })));
      const others = byPort.filter(({ status }) => status === 422);
      expect(others).toHaveLength(2);
      expect(others[0]?.body.details.causes[0]).toMatchObject({
        field: 'spec.ports[0].nodePort',
        message: expect.stringContaining('provided port is already allocated'),
      });
    }
  }, 60_000);

  it('give a value again as soon as its service is gone, wherever that was', async () => {
    for (let round = 0; round < 10; round += 1) {
      const name = fresh();
      const first = await create(round, name);
      const { clusterIP = '', ports } = (first.body as Service).spec;
      await at(round + 1).send('DELETE', `${svc}/${name}`);
      const again = await until(
        async () => {
          const answer = await create(round + 2, fresh(), { clusterIP, ports: ports ?? [] });
          return answer.status === 201 ? answer : undefined;
        },
        { what: 'the values to be free', timeoutMs: 3_000, intervalMs: 5 },
      );
      expect((again.body as Service).spec.clusterIP).toBe(clusterIP);
    }
  }, 60_000);

  it('keep a value for a service that is made anew under its name', async () => {
    const clusterIP = await freeAddress();
    const name = fresh();
    for (let round = 0; round < 12; round += 1) {
      await until(async () => (await create(round, name, { clusterIP })).status === 201, {
        what: 'the service',
        intervalMs: 5,
      });
      expect((await create(round + 1, fresh(), { clusterIP })).status).toBe(422);
      await at(round + 2).send('DELETE', `${svc}/${name}`);
    }
  }, 60_000);

  it('answer that the name is taken when it is, with the address of the service itself', async () => {
    const name = fresh();
    const { body } = await create(0, name);
    for (const index of [0, 1, 2]) {
      const again = await create(index, name, { clusterIP: (body as Service).spec.clusterIP ?? '' });
      expect([again.status, again.body.reason]).toEqual([409, 'AlreadyExists']);
    }
    expect((await create(1, fresh(), { clusterIP: (body as Service).spec.clusterIP ?? '' })).status).toBe(422);
  });

  it('free the port of a service that needs none any more', async () => {
    const name = fresh();
    const { body } = await create(0, name);
    const nodePort = (body as Service).spec.ports?.[0]?.nodePort ?? 0;
    const type = 'application/merge-patch+json';
    await at(1).send('PATCH', `${svc}/${name}`, { type, body: { spec: { type: 'ClusterIP' } } });
    await until(async () => (await create(2, fresh(), { ports: [{ port: 80, nodePort }] })).status === 201, {
      what: 'the port to be free',
    });
    const back = { spec: { type: 'NodePort', ports: [{ port: 80, nodePort }] } };
    expect(
      (await at(0).send('PATCH', `${svc}/${name}`, { type: 'application/merge-patch+json', body: back })).status,
    ).toBe(422);
  });
});

describe('claims', () => {
  it('are not made by dry runs', async () => {
    const before = await claims();
    expect((await create(0, fresh(), { clusterIP: '10.7.0.120' }, '?dryRun=All')).status).toBe(201);
    expect((await create(0, fresh(), {}, '?dryRun=All')).status).toBe(201);
    expect(await claims()).toEqual(before);
    expect((await create(1, fresh(), { clusterIP: '10.7.0.120' })).status).toBe(201);
  });

  it('of no service go after a while, and services without one get theirs', async () => {
    const { body } = await create(0, fresh());
    const address = `addresses/${(body as Service).spec.clusterIP}`;
    expect(await claims()).toContain(address);
    // Of the part of the range that is left to those who choose.
    const ghosts = ['10.7.0.3', '10.7.0.4'] as const;
    const value = Buffer.from(JSON.stringify({ owner: 'default/ghost', uid: 'u' }));
    const compare = [] as const;
    const began = performance.now();
    await shared.txn({ compare, success: [{ op: 'put', key: `${allocations}addresses/${ghosts[0]}`, value }] });
    await shared.txn({
      compare,
      success: [{ op: 'put', key: `${allocations}addresses/${ghosts[1]}`, value: Buffer.from('?') }],
    });
    await shared.txn({ compare, success: [{ op: 'delete', key: allocations + address }] });
    await until(async () => (await claims()).includes(address), { what: 'the claim of the service' });
    const gone = async (): Promise<boolean> => {
      const all = await claims();
      return !ghosts.some((ghost) => all.includes(`addresses/${ghost}`));
    };
    await until(gone, { what: 'the ghosts to go' });
    // A request may be on its way.
    expect(performance.now() - began).toBeGreaterThanOrEqual(graceMs);
    expect((await create(1, fresh(), { clusterIP: ghosts[0] })).status).toBe(201);
  });

  it('cannot be made without the store: the client is told to try again', async () => {
    const name = fresh();
    for (const store of stores) store.outage = 'refuses';
    const refused = await create(0, name);
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    for (const store of stores) store.outage = 'none';
    expect((await create(0, name)).status).toBe(201);
    expect(at(0).kernel.control.info('service-allocator')).toMatchObject({ state: 'running', faults: 0 });
  });
});
