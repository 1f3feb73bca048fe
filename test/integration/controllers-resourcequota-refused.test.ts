/** What a quota is charged for requests that fail: nothing, or it is given back at once, long before the quota would settle. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiHooks, refuse } from '@timonel/sdk/contracts/api-server';
import { ApiError, configMaps, resourceQuotas, services, type ConfigMap, type Quantities } from '@timonel/sdk/kube';
import admissionResourceQuota from '@timonel/plugin-admission-resourcequota';
import resourceQuota from '@timonel/plugin-controller-resourcequota';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { createRealEnv } from '@timonel/core';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { UnsteadyStore } from '../support/unsteady-store.ts';

const refusal = [refuse(new ApiError('Forbidden', 'not today'))];

const memory = new MemoryStore(createRealEnv());
const store = new UnsteadyStore(memory);

/** Refuses by the object's name, before and after the quota's turn; or lets the store lose its answer. */
const policies: AnyPlugin = definePlugin({
  name: 'policies',
  version: '0.1.0',
  apiVersion: 1,
  setup(ctx) {
    const late = { stage: 1_000 };
    ctx.tap(apiHooks.objectValidate, ({ metadata }) => (metadata.name === 'policy' ? refusal : undefined), late);
    ctx.tap(
      apiHooks.objectCharge,
      ({ metadata }) => {
        if (metadata.name === 'unknown') store.losesAnswers = true;
        return metadata.name === 'charge' ? refusal : undefined;
      },
      late,
    );
  },
});

describe('requests that fail', () => {
  let cluster: Cluster;
  let namespace: string;
  beforeAll(async () => {
    cluster = await startCluster({
      controllers: [resourceQuota],
      plugins: [policies, admissionResourceQuota],
      config: { 'controller-resourcequota': { settleMs: 600_000 } },
      nodes: 0,
      store,
    });
    namespace = await cluster.namespace();
    const hard = { configmaps: '2', services: '9', 'services.nodeports': '3' };
    await cluster.api.create(resourceQuotas, { metadata: { name: 'quota', namespace }, spec: { hard } });
    await isUsed({ configmaps: '0', services: '0', 'services.nodeports': '0' });
    await cluster.api.create(configMaps, map('taken'));
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    memory.close();
  });

  const map = (name: string): ConfigMap => ({ metadata: { name, namespace }, data: {} });
  const make = (name: string): Promise<ConfigMap> => cluster.api.create(configMaps, map(name));
  const quota = () => cluster.api.get(resourceQuotas, { namespace, name: 'quota' });
  const isUsed = (wanted: Quantities): Promise<unknown> =>
    cluster.until(`used ${JSON.stringify(wanted)}`, async () => {
      expect((await quota()).status?.used).toMatchObject(wanted);
      return true;
    });

  it('are not charged when another admission refuses them, whatever its stage', async () => {
    const before = (await quota()).metadata.resourceVersion;
    await expect(make('policy')).rejects.toThrow('not today');
    expect((await quota()).metadata.resourceVersion).toBe(before);
  });

  it.each(['charge', 'taken'])('are given back what they were charged: %s', async (name) => {
    for (let n = 0; n < 3; n += 1) {
      await expect(make(name)).rejects.toThrow(name === 'taken' ? 'already exists' : 'not today');
      await isUsed({ configmaps: '1' });
    }
  });

  it('are given back all that came at once, and leave room for those that do not fail', async () => {
    const failing = Array.from({ length: 20 }, () => make('taken').catch(() => undefined));
    await Promise.all(failing);
    await isUsed({ configmaps: '1' });
    await make('other');
    await isUsed({ configmaps: '2' });
    await cluster.api.delete(configMaps, { namespace, name: 'other' });
    await isUsed({ configmaps: '1' });
  });

  it('stay charged when nobody knows whether they failed', async () => {
    const recorded = cluster.record(resourceQuotas, namespace);
    await cluster.until('the first record', () => recorded.length > 0);
    await expect(make('unknown')).rejects.toMatchObject({ reason: 'Timeout' });
    store.losesAnswers = false;
    const { items } = await cluster.api.list(configMaps, { namespace });
    expect(items).toHaveLength(2);
    await cluster.quiet();
    const values = recorded.map(({ object }) => object.status?.used?.['configmaps']);
    expect(values.filter((value, index) => value !== values[index - 1])).toEqual(['1', '2']);
    await expect(make('beyond')).rejects.toThrow('exceeded quota');
  });

  it('are charged once for a change that somebody else was faster with, and that was made after that', async () => {
    const spec = { ports: [{ port: 80 }] };
    await cluster.api.create(services, { metadata: { name: 'web', namespace }, spec });
    const body = (n: number) => ({ metadata: { annotations: { [`a${n}`]: 'x' } }, spec: { type: 'NodePort' } });
    await Promise.all(
      [1, 2, 3, 4].map((n) =>
        cluster.api.patch(services, { namespace, name: 'web' }, { type: 'merge', body: body(n) }),
      ),
    );
    await isUsed({ services: '1', 'services.nodeports': '1' });
  });
});
